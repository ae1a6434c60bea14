package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
)

func (p *program) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the configuration",
		Args:  noArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	asJSON := false
	show := &cobra.Command{
		Use:   "print",
		Short: "Print the value of every option and where it comes from",
		Long: "Print the value of every option and where it comes from, in the form of a file of options.\n" +
			"Credentials in URLs are hidden. Whether the values fit together is checked when the node starts.",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfiguration(cmd.Flags(), p.environ)
			if err != nil {
				return usageError(err)
			}
			if asJSON {
				return c.printJSON(p.out)
			}
			return c.print(p.out)
		},
	}
	show.Flags().BoolVar(&asJSON, "json", false, "one array of objects with name, value, source and place")
	cmd.AddCommand(show)
	return cmd
}

// print writes a file of options that says where each value comes from. What is not set, or cannot stand in a file, is a comment.
func (c *configuration) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	group := ""
	for _, o := range c.table {
		if o.group != group {
			if group != "" {
				fmt.Fprintln(w)
			}
			group = o.group
			fmt.Fprintf(w, "# %s\n", group)
		}
		value, err := asYAML(o.value(&c.settings))
		if err != nil {
			return fmt.Errorf("print %s: %w", o.name, err)
		}
		from := c.sources[o.name]
		unset := from.layer == layerDefault && o.fallback == ""
		line := o.name + ": " + value
		switch {
		case unset:
			line = "# " + o.name + ": not set"
		case o.name == "config":
			line = "# " + line
		}
		fmt.Fprintf(w, "%s\t# %v\n", line, from)
	}
	return w.Flush()
}

// asYAML writes a value on one line.
func asYAML(value any) (string, error) {
	var n yaml.Node
	if err := n.Encode(value); err != nil {
		return "", err
	}
	n.Style = yaml.FlowStyle
	if n.Kind == yaml.ScalarNode {
		n.Style = 0
	}
	text, err := yaml.Marshal(&n)
	return strings.TrimSpace(string(text)), err
}

// printJSON writes what print does for programs.
func (c *configuration) printJSON(out io.Writer) error {
	type row struct {
		Name   string `json:"name"`
		Value  any    `json:"value"`
		Source string `json:"source"`
		Place  string `json:"place,omitempty"`
	}
	var rows []row
	for _, o := range c.table {
		from := c.sources[o.name]
		rows = append(rows, row{o.name, o.value(&c.settings), from.layer, from.place})
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(rows)
}

// documentation is the table of options as docs/configuration.md shows it.
func documentation(table []option) string {
	var b strings.Builder
	group := ""
	for i := range table {
		o := &table[i]
		if o.group != group {
			group = o.group
			fmt.Fprintf(&b, "\n### %s%s\n\n| option | variable | kind | default | |\n|---|---|---|---|---|\n", strings.ToUpper(group[:1]), group[1:])
		}
		fallback := "none"
		if o.fallback != "" {
			fallback = "`" + o.fallback + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", o.name, o.variable(), o.kind, fallback, o.help)
	}
	return b.String()
}
