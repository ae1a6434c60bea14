package params

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MaxConfigSize is the largest config file that is read, in bytes.
const MaxConfigSize = 1 << 20

// maxParseCost bounds what a config file can make the parser allocate beyond eight bytes for each of
// its own, see parseCost. The largest known file, a config and its preset in one with all comments,
// costs half of it.
const maxParseCost = 900 << 10

// entry is one key of a config file with its value.
type entry struct {
	key  string
	node *yaml.Node
}

// text returns the value for an error message.
func (e entry) text() string {
	switch e.node.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a mapping"
	}
	return strconv.Quote(clip(e.node.Value))
}

// wrongType says what was expected and what was found.
func (e entry) wrongType(want string) error {
	return fmt.Errorf("%s: %s, must be %s", e.key, e.text(), want)
}

// parseYAML reads the one mapping of a config file, in file order. It refuses a file that is too
// large or too dense, aliases, keys given twice, and a second document.
func parseYAML(file []byte) ([]entry, error) {
	if len(file) > MaxConfigSize {
		return nil, fmt.Errorf("config of %d bytes, at most %d are read", len(file), MaxConfigSize)
	}
	if cost := parseCost(file); cost > maxParseCost {
		return nil, fmt.Errorf("config takes %d bytes to parse by its lines, keys and brackets, at most %d are spent", cost, maxParseCost)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(file))
	var document, rest yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, errors.New("config is empty")
	} else if err != nil {
		return nil, fmt.Errorf("parse config: %w", clipError(err))
	}
	if err := decoder.Decode(&rest); err == nil {
		return nil, errors.New("config has a second document")
	} else if !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("parse config: %w", clipError(err))
	}
	if err := refuseAliases(&document); err != nil {
		return nil, err
	}
	return mappingEntries(document.Content[0], "config")
}

// mappingEntries lists the keys of a mapping; where names it in errors.
func mappingEntries(node *yaml.Node, where string) ([]entry, error) {
	if node.Kind != yaml.MappingNode {
		return nil, entry{where, node}.wrongType("a mapping")
	}
	entries := make([]entry, 0, len(node.Content)/2)
	seen := make(map[string]int, len(node.Content)/2)
	for pair := range slices.Chunk(node.Content, 2) {
		key := pair[0]
		if key.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("%s: key in line %d is not a plain name", where, key.Line)
		}
		if line, ok := seen[key.Value]; ok {
			return nil, fmt.Errorf("%s: given twice, in lines %d and %d", clip(key.Value), line, key.Line)
		}
		seen[key.Value] = key.Line
		entries = append(entries, entry{key.Value, pair[1]})
	}
	return entries, nil
}

// parseCost returns an upper estimate, in bytes, of what is allocated for the file beyond eight
// times its size. The parser makes a large node for each key, value and list item, and none of them
// comes without one of these bytes; the figures are measured. Comments count like the rest, as only
// the parser can tell them from text.
func parseCost(file []byte) int {
	cost := 0
	lineStart := true // only blanks so far in this line
	for i, c := range file {
		beforeBlank := i+1 == len(file) || strings.IndexByte(" \t\r\n", file[i+1]) >= 0
		switch {
		case c == ':':
			cost += 1300
		case c == '?' && beforeBlank:
			cost += 1200
		case c == '-' && beforeBlank:
			cost += 1000
		case c == '[' || c == '{':
			cost += 1000
		case c == ',':
			cost += 1000
		case c == '#' && !lineStart:
			cost += 700 // a comment that belongs to a node
		case c == '\n' || c == '\r' || c == 0xc2 || c == 0xe2: // the last two begin NEL, LS and PS
			cost += 150
		case c == ' ' || c == '\t':
			cost += 48
		}
		lineStart = c == '\n' || lineStart && (c == ' ' || c == '\t')
	}
	return cost
}

// refuseAliases keeps out files that grow when they are expanded. The depth of the document is
// bounded by maxParseCost.
func refuseAliases(node *yaml.Node) error {
	if node.Kind == yaml.AliasNode {
		return fmt.Errorf("config has an alias *%s in line %d; aliases are not read", clip(node.Value), node.Line)
	}
	for _, child := range node.Content {
		if err := refuseAliases(child); err != nil {
			return err
		}
	}
	return nil
}

// clipError shortens an error of the parser, which may quote the file.
func clipError(err error) error { return errors.New(clip(err.Error())) }

// setField stores the value of e where field, a pointer to a field of Spec, points. Warnings are
// about keys inside the value.
func setField(field any, e entry) ([]Warning, error) {
	switch p := field.(type) {
	case *uint64:
		return nil, setNumber(p, e)
	case *Slot:
		return nil, setNumber(p, e)
	case *Epoch:
		return nil, setNumber(p, e)
	case *Gwei:
		return nil, setNumber(p, e)
	case *Version:
		return nil, setBytes(p[:], e)
	case *DomainType:
		return nil, setBytes(p[:], e)
	case *Hash32:
		return nil, setBytes(p[:], e)
	case *ExecutionAddress:
		return nil, setBytes(p[:], e)
	case *Uint256:
		return nil, setUint256(p, e)
	case *string:
		return nil, setName(p, e)
	case *[]BlobParameters:
		return setBlobSchedule(p, e)
	}
	return nil, fmt.Errorf("%s: no way to read a field of type %T", e.key, field)
}

// isDecimal tells whether text is a number in the one notation that every reader of YAML takes for
// the same number: digits without sign, separators or leading zeros.
func isDecimal(text string) bool {
	if text == "" || (text[0] == '0' && len(text) > 1) {
		return false
	}
	return strings.Trim(text, "0123456789") == ""
}

func setNumber[T ~uint64](p *T, e entry) error {
	n, err := strconv.ParseUint(e.node.Value, 10, 64)
	if err != nil || e.node.Kind != yaml.ScalarNode || !isDecimal(e.node.Value) {
		return e.wrongType("a decimal number below 2**64")
	}
	*p = T(n)
	return nil
}

func setUint256(p *Uint256, e entry) error {
	const maxDigits = 78 // of 2**256 - 1
	text := e.node.Value
	if e.node.Kind == yaml.ScalarNode && isDecimal(text) && len(text) <= maxDigits {
		if n, ok := new(big.Int).SetString(text, 10); ok && n.BitLen() <= 256 {
			n.FillBytes(p[:])
			return nil
		}
	}
	return e.wrongType("a decimal number below 2**256")
}

func setBytes(p []byte, e entry) error {
	digits, ok := strings.CutPrefix(e.node.Value, "0x")
	if e.node.Kind == yaml.ScalarNode && ok && len(digits) == hex.EncodedLen(len(p)) {
		value, err := hex.DecodeString(digits)
		if err == nil {
			copy(p, value)
			return nil
		}
	}
	return e.wrongType(fmt.Sprintf("0x and %d hex digits", hex.EncodedLen(len(p))))
}

func setName(p *string, e entry) error {
	const maxLength = 64
	unprintable := func(r rune) bool { return r <= ' ' || r > '~' }
	text := e.node.Value
	if e.node.Kind != yaml.ScalarNode || text == "" || len(text) > maxLength || strings.ContainsFunc(text, unprintable) {
		return e.wrongType(fmt.Sprintf("a name of 1 to %d printable characters", maxLength))
	}
	*p = text
	return nil
}

// setBlobSchedule reads a list of {EPOCH, MAX_BLOBS_PER_BLOCK} and sorts it: the order in the file
// is only a recommendation of the specification.
func setBlobSchedule(p *[]BlobParameters, e entry) ([]Warning, error) {
	if e.node.Kind != yaml.SequenceNode {
		return nil, e.wrongType("a list of EPOCH and MAX_BLOBS_PER_BLOCK")
	}
	var warnings []Warning
	schedule := make([]BlobParameters, len(e.node.Content))
	for i, node := range e.node.Content {
		where := fmt.Sprintf("%s[%d]", e.key, i)
		fields, err := mappingEntries(node, where)
		if err != nil {
			return nil, err
		}
		missing := []string{"EPOCH", "MAX_BLOBS_PER_BLOCK"}
		for _, field := range fields {
			name := field.key
			field.key = where + "." + clip(name)
			switch name {
			case "EPOCH":
				err = setNumber(&schedule[i].Epoch, field)
			case "MAX_BLOBS_PER_BLOCK":
				err = setNumber(&schedule[i].MaxBlobsPerBlock, field)
			default:
				warnings = append(warnings, unknownKey(field.key))
			}
			if err != nil {
				return nil, err
			}
			missing = slices.DeleteFunc(missing, func(m string) bool { return m == name })
		}
		if len(missing) > 0 {
			return nil, fmt.Errorf("%s: %s is missing", where, strings.Join(missing, " and "))
		}
	}
	slices.SortFunc(schedule, func(a, b BlobParameters) int {
		if a.Epoch < b.Epoch {
			return -1
		} else if a.Epoch > b.Epoch {
			return 1
		}
		return 0
	})
	*p = schedule
	return warnings, nil
}
