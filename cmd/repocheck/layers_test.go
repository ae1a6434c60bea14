package repocheck

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
)

// free is the layer of what may import everything and is imported by nothing but tests and its like.
const free = -1

// row is one line of the table of layers: a package may import every package of a lower layer, and besides the packages of its own
// layer and the modules that its row names.
type row struct {
	layer   int
	name    string   // import path below the module; a "*" stands for any last element
	same    []string // packages of the same layer
	modules []string // third-party modules, and packages of them
}

const (
	bitfield    = "github.com/prysmaticlabs/go-bitfield"
	discv5      = "github.com/ethereum/go-ethereum/p2p"
	fastssz     = "github.com/ferranbt/fastssz"
	gethCrypto  = "github.com/ethereum/go-ethereum/crypto"
	gohashtree  = "github.com/prysmaticlabs/gohashtree"
	libp2p      = "github.com/libp2p/go-libp2p"
	multiaddr   = "github.com/multiformats/go-multiaddr"
	multistream = "github.com/multiformats/go-multistream"
	pubsub      = "github.com/libp2p/go-libp2p-pubsub"
	protobuf    = "google.golang.org/protobuf"
	snappy      = "github.com/golang/snappy"
	yaml        = "go.yaml.in/yaml/v3"
	zstd        = "github.com/klauspost/compress/zstd"
)

// everywhere lists the modules that extend the standard library and may be used by every package.
var everywhere = []string{"golang.org/x/sync", "golang.org/x/sys"}

// testModules may be used by every test.
var testModules = []string{"pgregory.net/rapid", yaml, snappy, zstd, bitfield}

var table = []row{
	{0, "beacon/params", nil, []string{yaml}},
	{0, "beacon/ssz", []string{"beacon/params"}, []string{fastssz, bitfield, gohashtree}},
	{0, "beacon/ssz/plist", []string{"beacon/ssz", "beacon/params"}, nil},
	{0, "beacon/bls", nil, []string{"github.com/herumi/bls-eth-go-binary"}},
	{0, "beacon/kzg", nil, []string{"github.com/ethereum/c-kzg-4844/v2"}},
	{0, "beacon/metrics", nil, []string{"github.com/prometheus/client_golang"}},
	{0, "keystore", []string{"beacon/bls"}, []string{"github.com/wealdtech", "github.com/tyler-smith/go-bip39", "golang.org/x/text/unicode/norm"}},
	{1, "beacon/types", nil, []string{snappy, bitfield}},
	{2, "beacon/clock", nil, nil},
	{2, "beacon/transition", nil, nil},
	{2, "beacon/das", nil, nil},
	{2, "forkchoice", nil, nil},
	{2, "beacon/apiclient", nil, nil},
	{free, "cmd/internal/doclines", nil, nil},
	{2, "cmd/internal/options", []string{"cmd/internal/process"}, []string{"github.com/spf13/cobra", "github.com/spf13/pflag", "github.com/knadh/koanf/v2", yaml}},
	{2, "cmd/internal/process", nil, []string{"github.com/spf13/cobra", "github.com/lmittmann/tint", "golang.org/x/term"}},
	{2, "validator/protection", nil, []string{"github.com/mattn/go-sqlite3"}},
	{3, "beacon/pool", nil, []string{bitfield}},
	{3, "beacon/store", []string{"beacon/store/kv"}, []string{zstd}},
	{3, "beacon/store/kv", nil, []string{"github.com/cockroachdb/pebble/v2"}},
	{3, "beacon/engine", []string{"beacon/engine/wire"}, []string{"github.com/golang-jwt/jwt/v5"}},
	{3, "beacon/engine/wire", nil, nil},
	{3, "beacon/engine/mock", []string{"beacon/engine/wire"}, []string{"github.com/golang-jwt/jwt/v5", "golang.org/x/crypto/sha3"}},
	{free, "beacon/engine/gethtest", nil, nil},
	{3, "beacon/builder", nil, nil},
	{3, "beacon/p2p", []string{"beacon/p2p/peers"}, []string{libp2p, multiaddr, multistream, discv5, gethCrypto}},
	{3, "beacon/p2p/peers", nil, nil},
	{3, "sync/light", nil, nil},
	{3, "validator/signer", nil, nil},
	{3, "validator/nodes", nil, nil},
	{free, "validator/nodes/nodestest", nil, nil},
	{4, "gossip", nil, []string{snappy}},
	{4, "sync/reqresp", nil, []string{snappy}},
	{free, "sync/reqresp/reqresptest", nil, nil},
	{4, "sync/download", nil, nil},
	{4, "sync/rangesync", []string{"sync/download"}, nil},
	{4, "sync/backfill", []string{"sync/download"}, nil},
	{4, "sync/lookup", nil, nil},
	{4, "sync/checkpoint", nil, nil},
	{4, "validator/duties", nil, nil},
	{4, "validator/doppel", []string{"validator/duties"}, nil},
	{5, "beacon/chain", nil, nil},
	{5, "gossip/subnets", nil, nil},
	{5, "validator/attest", nil, []string{bitfield}},
	{5, "validator/propose", nil, nil},
	{5, "validator/synccomm", nil, nil},
	{5, "validator/prepare", nil, nil},
	{5, "validator/report", nil, nil},
	{6, "gossip/router", nil, []string{pubsub, libp2p, snappy, protobuf}},
	{6, "sync/server", nil, []string{libp2p}},
	{6, "sync/driver", nil, nil},
	{6, "sync/peering", []string{"sync/driver"}, nil},
	{6, "beacon/producer", nil, nil},
	{6, "beacon/health", []string{"sync/driver"}, nil},
	{6, "validator/keyapi", nil, nil},
	{7, "beacon/api", nil, nil},
	{7, "validator/client", nil, nil},
	{8, "beacon/node", nil, []string{snappy, bitfield, "github.com/vishvananda/netlink", pubsub, libp2p, protobuf, multiaddr}}, // the last five in tests
	{free, "beacon/spectest", nil, nil},
	{free, "beacon/synthetic", nil, nil},
	{free, "beacon/simnet", nil, nil},
	{free, "beacon/recorded", nil, []string{snappy}},
	// signed transactions: keys of accounts, and their encoding; a network that can be cut
	{9, "devnet", nil, []string{gethCrypto, "github.com/ethereum/go-ethereum/rlp", yaml, "github.com/vishvananda/netlink"}},
	{9, "cmd/cresset", []string{"devnet"}, []string{"github.com/spf13/cobra", snappy, "golang.org/x/term", "golang.org/x/crypto/sha3"}},
	{9, "cmd/cresset-beacon", nil, []string{"github.com/spf13/cobra"}},
	{9, "cmd/cresset-validator", nil, []string{"github.com/spf13/cobra"}},
	{free, "cmd/*", nil, nil},
	{free, "tools/*", nil, nil},
}

// validatorSide is all that validator/* may import of the rest of the project, and all of the rest that may not import validator/*
// back is everything but the free packages.
var validatorSide = []string{
	"beacon/params", "beacon/ssz", "beacon/bls", "beacon/types", "beacon/clock", "beacon/apiclient", "beacon/metrics", "keystore",
}

// validatorTools is what commands may import of the validator's side: the operator's tools the database that they fill and show, and the signer of exits and
// changes; the validator client its composition root.
var validatorTools = map[string][]string{
	"cmd/cresset":           {"validator/protection", "validator/signer"},
	"cmd/cresset-validator": {"validator/client"},
}

// rowOf finds the row of a package; "_test" at the end of a test package's import path is not part of it.
func rowOf(name string) (row, bool) {
	for _, r := range table {
		if matched, err := path.Match(r.name, name); err == nil && matched {
			return r, true
		}
	}
	return row{}, false
}

// refuse says why a package may not import a path, or nothing when it may.
func refuse(from, imported string, inTest bool) string {
	source, ok := rowOf(from)
	if !ok {
		return "package " + from + " has no row in the table of layers"
	}
	target, inProject := strings.CutPrefix(imported, module+"/")
	if !inProject {
		return refuseModule(source, imported, inTest)
	}
	targetRow, ok := rowOf(target)
	switch {
	case !ok:
		return "package " + target + " has no row in the table of layers"
	case target == from && inTest:
		return "" // A test of package x in package x_test.
	case targetRow.layer == free:
		if inTest || source.layer == free {
			return ""
		}
		return target + " is for tests and tools"
	case source.layer == free:
		return ""
	case strings.HasPrefix(from, "validator/") && !strings.HasPrefix(target, "validator/") && !slices.Contains(validatorSide, target):
		return "the validator's side may not import " + target
	case !strings.HasPrefix(from, "validator/") && strings.HasPrefix(target, "validator/") && !slices.Contains(validatorTools[from], target):
		return "only the validator's side may import " + target
	case targetRow.layer < source.layer, targetRow.layer == source.layer && (inTest || slices.Contains(source.same, target)):
		return ""
	}
	return fmt.Sprintf("%s (layer %d) may not import %s (layer %d)", from, source.layer, target, targetRow.layer)
}

func refuseModule(source row, imported string, inTest bool) string {
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") || source.layer == free { // The standard library's paths begin with no domain.
		return ""
	}
	allowed := slices.Concat(source.modules, everywhere)
	if inTest {
		allowed = slices.Concat(allowed, testModules)
	}
	if slices.ContainsFunc(allowed, func(m string) bool { return imported == m || strings.HasPrefix(imported, m+"/") }) {
		return ""
	}
	return source.name + " may not use " + imported
}

// Every import is one that the table of layers allows.
func TestImportsKeepLayers(t *testing.T) {
	for _, f := range sources(t) {
		if _, ok := rowOf(f.pkg); !ok {
			continue // TestPackageDocs says so, once.
		}
		for _, spec := range f.syntax.Imports {
			if why := refuse(f.pkg, importPath(spec), f.test); why != "" {
				t.Errorf("%s: %s", f.at(spec), why)
			}
		}
	}
}

// The rules themselves, on imports that must be refused and on their neighbours that must not.
func TestRefuse(t *testing.T) {
	for _, c := range []struct {
		from, imported string
		test, refused  bool
	}{
		{"beacon/types", module + "/beacon/ssz", false, false},
		{"beacon/ssz", module + "/beacon/types", false, true},
		{"beacon/ssz", module + "/beacon/types", true, true},
		{"beacon/ssz", module + "/beacon/params", false, false},
		{"beacon/params", module + "/beacon/ssz", false, true},
		{"beacon/ssz", module + "/beacon/bls", false, true},
		{"beacon/ssz", module + "/beacon/bls", true, false},
		{"beacon/transition", module + "/beacon/das", false, true},
		{"beacon/transition", module + "/beacon/spectest", false, true},
		{"beacon/transition", module + "/beacon/spectest", true, false},
		{"beacon/transition", "github.com/herumi/bls-eth-go-binary/bls", false, true},
		{"beacon/bls", "github.com/herumi/bls-eth-go-binary/bls", false, false},
		{"beacon/bls", "github.com/herumi/bls-eth-go-binary-other", false, true},
		{"beacon/bls", "pgregory.net/rapid", false, true},
		{"beacon/bls", "pgregory.net/rapid", true, false},
		{"beacon/bls", "crypto/rand", false, false},
		{"beacon/bls", "golang.org/x/sync/errgroup", false, false},
		{"validator/duties", module + "/beacon/types", false, false},
		{"validator/duties", module + "/beacon/transition", false, true},
		{"validator/duties", module + "/validator/nodes", false, false},
		{"beacon/api", module + "/validator/nodes", false, true},
		{"cmd/cresset", module + "/beacon/transition", false, false},
		{"cmd/cresset", module + "/validator/protection", false, false},
		{"cmd/cresset", module + "/validator/signer", false, false},
		{"cmd/cresset", module + "/validator/nodes", false, true},
		{"cmd/cresset-beacon", module + "/validator/protection", false, true},
		{"cmd/cresset", "github.com/spf13/cobra", false, false},
		{"beacon/nosuch", "fmt", false, true},
		{"beacon/api", module + "/beacon/nosuch", false, true},
	} {
		if why := refuse(c.from, c.imported, c.test); (why != "") != c.refused {
			t.Errorf("%s imports %s (test %t): refused %t (%s), want %t", c.from, c.imported, c.test, why != "", why, c.refused)
		}
	}
}

// A row names only what makes sense: packages of its own layer that have rows, and itself once.
func TestTableIsSound(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range table {
		if seen[r.name] {
			t.Errorf("%s has two rows", r.name)
		}
		seen[r.name] = true
		for _, same := range r.same {
			if target, ok := rowOf(same); !ok || target.layer != r.layer {
				t.Errorf("%s (layer %d) names %s, which is not of its layer", r.name, r.layer, same)
			}
		}
	}
}
