package spectest

import (
	"math/big"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/cresset/cresset/beacon/das"
)

// Spec: tests/formats/networking. Custody groups and columns; gossip has a file of its own.

func runGetCustodyGroups(t *testing.T, c *Case) {
	var v struct {
		Description       string    `yaml:"description"`
		NodeID            yaml.Node `yaml:"node_id"` // decimal, more than 64 bits
		CustodyGroupCount uint64    `yaml:"custody_group_count"`
		Result            []uint64  `yaml:"result"`
	}
	c.MustYAML("meta", &v)
	n, ok := new(big.Int).SetString(v.NodeID.Value, 10)
	if !ok || n.Sign() < 0 || n.BitLen() > 256 {
		t.Fatalf("node_id %q is no 256-bit number", v.NodeID.Value)
	}
	var id das.NodeID
	n.FillBytes(id[:])
	got, err := das.GetCustodyGroups(c.Spec(), id, v.CustodyGroupCount)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, v.Result) {
		t.Errorf("custody groups %v, want %v", got, v.Result)
	}
}

func runComputeColumnsForCustodyGroup(t *testing.T, c *Case) {
	var v struct {
		Description  string   `yaml:"description"`
		CustodyGroup uint64   `yaml:"custody_group"`
		Result       []uint64 `yaml:"result"`
	}
	c.MustYAML("meta", &v)
	got, err := das.ComputeColumnsForCustodyGroup(c.Spec(), v.CustodyGroup)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, v.Result) {
		t.Errorf("columns %v, want %v", got, v.Result)
	}
}
