package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/cresset/cresset/beacon/node"
)

// configuration is what all sources together say, and who said it.
type configuration struct {
	settings settings
	sources  map[string]source
	table    []option
}

// loadConfiguration reads all sources. Its errors are wrong usage.
func loadConfiguration(flags *pflag.FlagSet, environ []string) (*configuration, error) {
	table := options()
	defaults := defaultLayer(table)
	environment, err := environmentLayer(environ, table)
	if err != nil {
		return nil, err
	}
	command := flagLayer(flags)
	file := layer{name: layerFile}
	for _, l := range []layer{command, environment} { // the flag decides over the variable
		if g, ok := l.given["config"]; ok {
			if g.values[0] == "" {
				break
			}
			if file, err = readFileLayer(g.values[0], table); err != nil {
				return nil, err
			}
			break
		}
	}
	all, err := merge(defaults, file, environment, command)
	if err != nil {
		return nil, err
	}
	c := &configuration{sources: map[string]source{}, table: table}
	for i := range table {
		o := &table[i]
		values, from := all.of(o.name)
		c.sources[o.name] = from
		if from.layer == layerDefault && o.fallback == "" {
			continue
		}
		if err := o.set(&c.settings, values); err != nil {
			return nil, fmt.Errorf("%v: %w", from, err)
		}
	}
	return c, nil
}

func defaultLayer(table []option) layer {
	l := layer{layerDefault, map[string]given{}}
	for _, o := range table {
		l.given[o.name] = given{values: []string{o.fallback}}
	}
	return l
}

// explain adds to an error about options which do not fit together where each of them was set.
func (c *configuration) explain(err error) error {
	var wrong *node.OptionError
	if !errors.As(err, &wrong) {
		return err
	}
	var set []string
	for _, name := range wrong.Options {
		if from, ok := c.sources[name]; ok && from.layer != layerDefault {
			set = append(set, fmt.Sprintf("%s is set by %v", name, from))
		}
	}
	if len(set) == 0 {
		return err
	}
	return fmt.Errorf("%w (%s)", err, strings.Join(set, ", "))
}
