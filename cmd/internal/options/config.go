package options

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// Configuration is what all sources together say, and who said it.
type Configuration[S any] struct {
	Settings S

	table   *Table[S]
	sources map[string]source
}

// Load reads all sources. Its errors are wrong usage.
func (t *Table[S]) Load(flags *pflag.FlagSet, environ []string) (*Configuration[S], error) {
	environment, err := t.environmentLayer(environ)
	if err != nil {
		return nil, err
	}
	command := flagLayer[S](flags)
	file := layer{name: layerFile}
	for _, l := range []layer{command, environment} { // the flag decides over the variable
		if g, ok := l.given[ConfigOption]; ok {
			if g.values[0] == "" {
				break
			}
			if file, err = t.readFileLayer(g.values[0]); err != nil {
				return nil, err
			}
			break
		}
	}
	all, err := merge(t.defaultLayer(), file, environment, command)
	if err != nil {
		return nil, err
	}
	c := &Configuration[S]{sources: map[string]source{}, table: t}
	for i := range t.Options {
		o := &t.Options[i]
		values, from := all.of(o.Name)
		c.sources[o.Name] = from
		if from.layer == layerDefault && o.Fallback == "" {
			continue
		}
		if err := o.set(&c.Settings, values); err != nil {
			return nil, fmt.Errorf("%v: %w", from, err)
		}
	}
	return c, nil
}

func (t *Table[S]) defaultLayer() layer {
	l := layer{layerDefault, map[string]given{}}
	for _, o := range t.Options {
		l.given[o.Name] = given{values: []string{o.Fallback}}
	}
	return l
}

// IsSet tells whether any source says something of an option.
func (c *Configuration[S]) IsSet(name string) bool { return c.sources[name].layer != layerDefault }

// Explain adds to an error about options which do not fit together where each of them was set.
func (c *Configuration[S]) Explain(err error, names []string) error {
	var set []string
	for _, name := range names {
		if from, ok := c.sources[name]; ok && from.layer != layerDefault {
			set = append(set, fmt.Sprintf("%s is set by %v", name, from))
		}
	}
	if len(set) == 0 {
		return err
	}
	return fmt.Errorf("%w (%s)", err, strings.Join(set, ", "))
}
