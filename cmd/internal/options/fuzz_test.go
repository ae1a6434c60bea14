package options

import "testing"

// No text of a file of options makes reading it panic; what is read are options of the table, each with values of its kind's number.
func FuzzFile(f *testing.F) {
	for _, text := range []string{"", "# nothing\n", "---\n", "one: mainnet\n", "many: [a, b]\n", "a: &a [*a]\n", "one: &x mainnet\nconfig: *x\n", "? [x]\n: y\n", "<<: {one: mainnet}\n"} {
		f.Add([]byte(text))
	}
	type settings struct {
		config, one string
		many        []string
	}
	table := Table[settings]{Options: []Option[settings]{
		One(Text("text"), func(s *settings) *string { return &s.config }, Option[settings]{Name: ConfigOption}),
		One(Text("text"), func(s *settings) *string { return &s.one }, Option[settings]{Name: "one"}),
		Many(Text("text"), func(s *settings) *[]string { return &s.many }, Option[settings]{Name: "many"}),
	}}
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := parseEntries("file", data)
		if err != nil {
			return
		}
		l, err := table.fileLayer(list)
		if err != nil {
			return
		}
		for name, g := range l.given {
			if name != "many" && (name != "one" || len(g.values) != 1) {
				t.Fatalf("%q is %q", name, g.values)
			}
		}
	})
}
