package spectest

import (
	"encoding/hex"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// hexBytes is a YAML string of hexadecimal digits after "0x".
type hexBytes []byte

func (h *hexBytes) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode {
		return fmt.Errorf("line %d: not a string", node.Line)
	}
	data, err := parseHex(node.Value)
	if err != nil {
		return fmt.Errorf("line %d: %w", node.Line, err)
	}
	*h = data
	return nil
}

func parseHex(s string) ([]byte, error) {
	digits, ok := strings.CutPrefix(s, "0x")
	if !ok {
		return nil, fmt.Errorf("%q does not begin with 0x", s)
	}
	return hex.DecodeString(digits)
}
