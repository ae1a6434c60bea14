package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagValue collects what the command line says of an option; it is read with all other sources, so that one place refuses values.
type flagValue struct {
	option *option
	values []string
}

func (v *flagValue) String() string { return "" }

// Type is the name of the kind in the help.
func (v *flagValue) Type() string { return strings.TrimSuffix(v.option.kind, ", repeatable") }

// Set takes one occurrence of the flag.
func (v *flagValue) Set(s string) error {
	if len(v.values) > 0 && !v.option.list {
		return fmt.Errorf("given a second time, first as %q", v.option.show(v.values[0]))
	}
	v.values = append(v.values, s)
	return nil
}

// addFlags makes a flag of every option.
func addFlags(flags *pflag.FlagSet, table []option) {
	flags.SortFlags = false
	for i := range table {
		o := &table[i]
		help := o.help
		if o.fallback != "" {
			help += " (default " + o.fallback + ")"
		}
		flag := flags.VarPF(&flagValue{option: o}, o.name, "", help)
		if o.boolean {
			flag.NoOptDefVal = "true"
		}
	}
}

// flagLayer is what the command line says.
func flagLayer(flags *pflag.FlagSet) layer {
	l := layer{layerFlag, map[string]given{}}
	flags.Visit(func(f *pflag.Flag) {
		if v, ok := f.Value.(*flagValue); ok {
			l.given[f.Name] = given{v.values, "--" + f.Name}
		}
	})
	return l
}

// explainFlag says which flag may have been meant by one that does not exist.
func explainFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || len(unknown.GetSpecifiedName()) < 2 {
		return err
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	return fmt.Errorf("%w%s", err, didYouMean("--", unknown.GetSpecifiedName(), known))
}

// noArguments refuses what is not a flag; what looks like a sub-command gets a suggestion.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasSubCommands() {
		return fmt.Errorf("%s takes no arguments, but got %q", cmd.CommandPath(), args[0])
	}
	var known []string
	for _, c := range cmd.Commands() {
		known = append(known, c.Name())
	}
	return fmt.Errorf("unknown command %q for %s%s", args[0], cmd.CommandPath(), didYouMean("", args[0], known))
}

// environmentLayer is what the environment says. A variable that begins as ours do and is none is an error.
func environmentLayer(environ []string, table []option) (layer, error) {
	l := layer{layerEnvironment, map[string]given{}}
	var variables []string // without their prefix
	for _, o := range table {
		variables = append(variables, strings.TrimPrefix(o.variable(), variablePrefix))
	}
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(entry, "=")
		bare, ours := strings.CutPrefix(name, variablePrefix)
		if !ours {
			continue
		}
		index := slices.Index(variables, bare)
		if index < 0 {
			return l, fmt.Errorf("environment: unknown variable %q%s", name, didYouMean(variablePrefix, bare, variables))
		}
		values := []string{value}
		if table[index].list {
			values = splitList(value)
		}
		l.given[table[index].name] = given{values, name}
	}
	return l, nil
}

// splitList splits a variable's list at its commas.
func splitList(s string) []string {
	values := []string{}
	if s == "" {
		return values
	}
	for v := range strings.SplitSeq(s, ",") {
		values = append(values, strings.TrimSpace(v))
	}
	return values
}
