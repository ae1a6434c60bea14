package doclines

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Line is a command line.
type Line struct {
	Place string   // file and line
	Args  []string // without the program's name
}

// Mention tells whether a line names a command and no more.
func (l Line) Mention() bool {
	return !slices.ContainsFunc(l.Args, func(arg string) bool { return strings.HasPrefix(arg, "-") })
}

// sources are the files that have command lines, below the directory of the module.
var sources = []string{"README.md", "docs/*.md", "deploy/*"}

// Of gives the command lines of a program: lines of code blocks, code within text, comments and ExecStart of deploy's files. Placeholders that end in "..." and
// words in capitals are given back as they stand.
func Of(module, program string) (lines []Line, err error) {
	for _, pattern := range sources {
		paths, err := filepath.Glob(filepath.Join(module, pattern))
		if err != nil {
			return nil, err
		}
		if len(paths) == 0 {
			return nil, fmt.Errorf("%s matches nothing", pattern)
		}
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			for _, l := range in(string(text), program, strings.HasSuffix(path, ".md")) {
				lines = append(lines, Line{fmt.Sprintf("%s:%d", path, l.number), l.args})
			}
		}
	}
	return lines, nil
}

type found struct {
	number int
	args   []string
}

var (
	inline  = regexp.MustCompile("`([^`]+)`")
	comment = regexp.MustCompile(`\s#\s.*$`)
	leader  = regexp.MustCompile(`^(#\s*|ExecStart=)?(/usr/local/bin/)?`)
)

// in gives the command lines in a text, which is Markdown or what deploy has.
func in(text, program string, markdown bool) (out []found) {
	lines := strings.Split(text, "\n")
	fenced := false
	for i := 0; i < len(lines); i++ {
		line, number := lines[i], i+1
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		var candidates []string
		if markdown && !fenced {
			for _, m := range inline.FindAllStringSubmatch(line, -1) {
				candidates = append(candidates, m[1])
			}
		}
		for whole := comment.ReplaceAllString(line, ""); ; {
			before, continued := strings.CutSuffix(strings.TrimRight(whole, " "), `\`)
			if !continued || i+1 == len(lines) {
				switch {
				case !markdown:
					candidates = append(candidates, leader.ReplaceAllString(strings.TrimSpace(whole), ""))
				case fenced || strings.HasPrefix(line, "    "):
					candidates = append(candidates, whole)
				}
				break
			}
			i++
			whole = before + comment.ReplaceAllString(lines[i], "")
		}
		for _, c := range candidates {
			words := strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(c))
			if len(words) > 1 && words[0] == program && isCommand(words[1]) {
				out = append(out, found{number, words[1:]})
			}
		}
	}
	return out
}

// isCommand tells a command's first word from that of a sentence about the program.
func isCommand(word string) bool {
	return strings.HasPrefix(word, "--") || regexp.MustCompile(`^[a-z][a-z-]*$`).MatchString(word)
}

// Fill puts values in the place of placeholders: by the flag before them, else by what they are.
func Fill(args []string, values map[string]string) []string {
	out := slices.Clone(args)
	for i, arg := range args {
		arg = strings.TrimSuffix(arg, ".") // of a sentence
		if strings.HasPrefix(arg, "--") {
			continue
		}
		if i > 0 && strings.HasPrefix(args[i-1], "--") {
			if value, ok := values[args[i-1]]; ok {
				out[i] = value
				continue
			}
		}
		if value, ok := values[arg]; ok {
			out[i] = value
		}
	}
	return out
}
