package options

import (
	"errors"
	"fmt"
	"strings"
)

// Table is all options of a program, in the order in which they are shown. S is the program's settings.
type Table[S any] struct {
	// Prefix begins every variable of the environment that is meant for the program.
	Prefix string
	// Except are longer prefixes, of variables that are meant for other programs.
	Except  []string
	Options []Option[S]
}

// Option is one row of a table. One and Many complete it.
type Option[S any] struct {
	Name     string // of the flag and the file's key
	Group    string
	Fallback string // the default, written as a user would; empty for none
	Help     string
	Secret   bool // a value may hold a credential: it is shown without
	Commas   bool // one value of a list may be several with commas between them, wherever it stands

	kind    string
	list    bool // may be given several times; the variable separates values by commas
	boolean bool // the flag alone means true
	// set reads values, which are one but for a list, into settings. It says what is allowed of the value that is wrong.
	set func(s *S, values []string) error
	// value is what settings hold, as JSON would have it: a string, a boolean, a number or a list of strings.
	value func(s *S) any
}

// ConfigOption is the name of the option that every table has: the file of options.
const ConfigOption = "config"

// Variable is an option's name in the environment.
func (t *Table[S]) Variable(o *Option[S]) string {
	return t.Prefix + strings.ToUpper(strings.ReplaceAll(o.Name, "-", "_"))
}

// Names lists the names of the options.
func (t *Table[S]) Names() []string {
	var all []string
	for _, o := range t.Options {
		all = append(all, o.Name)
	}
	return all
}

// show is a value as it may be shown.
func (o *Option[S]) show(value string) string {
	if o.Secret {
		return withoutCredentials(value)
	}
	return value
}

// wrong is what is said of a value that is not of an option's kind; where it comes from is put before it.
func (o *Option[S]) wrong(value, want string) error {
	return fmt.Errorf("%s is %q, want %s", o.Name, o.show(value), want)
}

// One completes a row whose value is a single one.
func One[S, T any](k Kind[T], at func(*S) *T, o Option[S]) Option[S] {
	o.kind, o.boolean = k.Name, k.boolean
	o.set = func(s *S, values []string) error {
		if len(values) != 1 {
			return fmt.Errorf("%s has %d values, want one: %s", o.Name, len(values), k.Want)
		}
		v, ok := k.Parse(values[0])
		if !ok {
			return o.wrong(values[0], k.Want)
		}
		*at(s) = v
		return nil
	}
	o.value = func(s *S) any {
		if k.plain {
			return *at(s)
		}
		return o.show(k.Show(*at(s)))
	}
	return o
}

// maxList is how many values a list may have.
const maxList = 16

// Many completes a row whose value is a list.
func Many[S any](k Kind[string], at func(*S) *[]string, o Option[S]) Option[S] {
	o.kind, o.list = k.Name+", repeatable", true
	o.set = func(s *S, values []string) error {
		if o.Commas {
			values = splitList(strings.Join(values, ","))
		}
		if len(values) > maxList {
			return fmt.Errorf("%s has %d values, want at most %d", o.Name, len(values), maxList)
		}
		for _, value := range values {
			if _, ok := k.Parse(value); !ok {
				return o.wrong(value, k.Want)
			}
		}
		*at(s) = values
		return nil
	}
	o.value = func(s *S) any {
		shown := []string{}
		for _, value := range *at(s) {
			shown = append(shown, o.show(value))
		}
		return shown
	}
	return o
}

// Check says what a table's rows lack that flags, file, help and documentation need; it is for tests of tables.
func (t *Table[S]) Check() error {
	var wrong []error
	seen, lastOfGroup := map[string]bool{}, map[string]int{}
	for i, o := range t.Options {
		if seen[o.Name] || o.Name != strings.ToLower(o.Name) || strings.ContainsAny(o.Name, "_. ") {
			wrong = append(wrong, fmt.Errorf("name %q is there twice or is not of the form a-b-c", o.Name))
		}
		seen[o.Name] = true
		if o.Help == "" || strings.ContainsAny(o.Help, "|\n") || o.kind == "" || o.Group == "" {
			wrong = append(wrong, fmt.Errorf("%s has help %q, kind %q, group %q", o.Name, o.Help, o.kind, o.Group))
		}
		if last, ok := lastOfGroup[o.Group]; ok && last != i-1 {
			wrong = append(wrong, fmt.Errorf("%s stands apart from the rest of group %q", o.Name, o.Group))
		}
		lastOfGroup[o.Group] = i
	}
	if !seen[ConfigOption] {
		wrong = append(wrong, fmt.Errorf("there is no option %s", ConfigOption))
	}
	return errors.Join(wrong...)
}
