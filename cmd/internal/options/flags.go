package options

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagValue collects what the command line says of an option; it is read with all other sources, so that one place refuses values.
type flagValue[S any] struct {
	option *Option[S]
	values []string
}

func (v *flagValue[S]) String() string { return "" }

// Type is the name of the kind in the help.
func (v *flagValue[S]) Type() string { return strings.TrimSuffix(v.option.kind, ", repeatable") }

// Set takes one occurrence of the flag.
func (v *flagValue[S]) Set(s string) error {
	if len(v.values) > 0 && !v.option.list {
		return fmt.Errorf("given a second time, first as %q", v.option.show(v.values[0]))
	}
	v.values = append(v.values, s)
	return nil
}

// AddFlags makes a flag of every option.
func (t *Table[S]) AddFlags(flags *pflag.FlagSet) {
	flags.SortFlags = false
	for i := range t.Options {
		o := &t.Options[i]
		help := o.Help
		if o.Fallback != "" {
			help += " (default " + o.Fallback + ")"
		}
		flag := flags.VarPF(&flagValue[S]{option: o}, o.Name, "", help)
		if o.boolean {
			flag.NoOptDefVal = "true"
		}
	}
}

// flagLayer is what the command line says.
func flagLayer[S any](flags *pflag.FlagSet) layer {
	l := layer{layerFlag, map[string]given{}}
	flags.Visit(func(f *pflag.Flag) {
		if v, ok := f.Value.(*flagValue[S]); ok {
			l.given[f.Name] = given{v.values, "--" + f.Name}
		}
	})
	return l
}

// ExplainFlag says which flag may have been meant by one that does not exist.
func ExplainFlag(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || len(unknown.GetSpecifiedName()) < 2 {
		return err
	}
	var known []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
	return fmt.Errorf("%w%s", err, DidYouMean("--", unknown.GetSpecifiedName(), known))
}

// NoArguments refuses what is not a flag; what looks like a sub-command gets a suggestion.
func NoArguments(cmd *cobra.Command, args []string) error {
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
	return fmt.Errorf("unknown command %q for %s%s", args[0], cmd.CommandPath(), DidYouMean("", args[0], known))
}

// environmentLayer is what the environment says. A variable that begins as ours do and is none is an error.
func (t *Table[S]) environmentLayer(environ []string) (layer, error) {
	l := layer{layerEnvironment, map[string]given{}}
	var variables []string // without their prefix
	for i := range t.Options {
		variables = append(variables, strings.TrimPrefix(t.Variable(&t.Options[i]), t.Prefix))
	}
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(entry, "=")
		bare, ours := strings.CutPrefix(name, t.Prefix)
		if !ours || slices.ContainsFunc(t.Except, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			continue
		}
		index := slices.Index(variables, bare)
		if index < 0 {
			return l, fmt.Errorf("environment: unknown variable %q%s", name, DidYouMean(t.Prefix, bare, variables))
		}
		values := []string{value}
		if t.Options[index].list {
			values = splitList(value)
		}
		l.given[t.Options[index].Name] = given{values, name}
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
