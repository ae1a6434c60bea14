package options

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/cresset/cresset/cmd/internal/process"
)

// Command is the command that shows the configuration of a program.
func (t *Table[S]) Command(out io.Writer, environ []string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the configuration",
		Args:  NoArguments,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	asJSON := false
	show := &cobra.Command{
		Use:   "print",
		Short: "Print the value of every option and where it comes from",
		Long: "Print the value of every option and where it comes from, in the form of a file of options.\n" +
			"Credentials in URLs are hidden. Whether the values fit together is checked when the program starts.",
		Args: NoArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := t.Load(cmd.Flags(), environ)
			if err != nil {
				return process.Usage(err)
			}
			if asJSON {
				return c.printJSON(out)
			}
			return c.print(out)
		},
	}
	show.Flags().BoolVar(&asJSON, "json", false, "one array of objects with name, value, source and place")
	cmd.AddCommand(show)
	return cmd
}

// print writes a file of options that says where each value comes from. What is not set, or cannot stand in a file, is a comment.
func (c *Configuration[S]) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	group := ""
	for _, o := range c.table.Options {
		if o.Group != group {
			if group != "" {
				fmt.Fprintln(w)
			}
			group = o.Group
			fmt.Fprintf(w, "# %s\n", group)
		}
		value, err := asYAML(o.value(&c.Settings))
		if err != nil {
			return fmt.Errorf("print %s: %w", o.Name, err)
		}
		from := c.sources[o.Name]
		unset := from.layer == layerDefault && o.Fallback == ""
		line := o.Name + ": " + value
		switch {
		case unset:
			line = "# " + o.Name + ": not set"
		case o.Name == ConfigOption:
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
func (c *Configuration[S]) printJSON(out io.Writer) error {
	type row struct {
		Name   string `json:"name"`
		Value  any    `json:"value"`
		Source string `json:"source"`
		Place  string `json:"place,omitempty"`
	}
	var rows []row
	for _, o := range c.table.Options {
		from := c.sources[o.Name]
		rows = append(rows, row{o.Name, o.value(&c.Settings), from.layer, from.place})
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(rows)
}

// Documentation is the table of options as the pages of documentation show it.
func (t *Table[S]) Documentation() string {
	var b strings.Builder
	group := ""
	for i := range t.Options {
		o := &t.Options[i]
		if o.Group != group {
			group = o.Group
			fmt.Fprintf(&b, "\n### %s%s\n\n| option | variable | kind | default | |\n|---|---|---|---|---|\n", strings.ToUpper(group[:1]), group[1:])
		}
		fallback := "none"
		if o.Fallback != "" {
			fallback = "`" + o.Fallback + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s | %s |\n", o.Name, t.Variable(o), o.kind, fallback, o.Help)
	}
	return b.String()
}
