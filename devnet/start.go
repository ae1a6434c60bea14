package devnet

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
)

// node is one beacon node with what belongs to it.
type node struct {
	geth, beacon, validator *process // geth is nil with the mock
	rpc                     string   // URL of geth
	api                     *beacon
	engine                  string // URL of its Engine API
}

// network is what runs.
type network struct {
	cfg       Config
	dir       string
	spec      *params.Spec
	time      time.Time       // of genesis
	keys      []validatorKeys // of genesis, and of one more that is deposited for
	genesis   *types.BeaconState
	root      types.Root // of the genesis block
	env       *transition.Env
	processes *processes
	nodes     []*node
}

// The files of a network.
const (
	configFile   = "config.yaml"
	genesisFile  = "genesis.ssz"
	elFile       = "geth-genesis.json"
	jwtFile      = "jwt.hex"
	passwordFile = "password.txt"
)

func (n *network) path(name string) string { return filepath.Join(n.dir, name) }

func (n *network) program(name string) string { return filepath.Join(n.cfg.Programs, name) }

// prepare writes the network's files but for the beacon chain's genesis.
func (n *network) prepare() error {
	file, spec, err := networkConfig(n.cfg.NetworkConfig, n.cfg.Preset, n.cfg.Slot, n.cfg.Schedule)
	if err != nil {
		return err
	}
	n.spec, n.env = spec, transition.NewEnv(nil)
	n.time = time.Now().Add(n.cfg.GenesisDelay).Round(time.Second)
	if n.keys, err = deriveKeys(n.cfg.Validators + 1); err != nil {
		return err
	}
	el, err := executionGenesis(spec, uint64(n.time.Unix()))
	if err != nil {
		return err
	}
	var secret [32]byte
	rand.Read(secret[:]) // never fails
	for name, data := range map[string][]byte{configFile: file, elFile: el, jwtFile: []byte(hex.EncodeToString(secret[:]))} {
		if err := os.WriteFile(n.path(name), data, 0o600); err != nil {
			return err
		}
	}
	for i := range n.cfg.Nodes {
		n.nodes = append(n.nodes, &node{})
		var mine []int
		for k := range n.keys {
			if n.nodeOf(k) == i {
				mine = append(mine, k)
			}
		}
		if err := writeKeystores(n.path(fmt.Sprintf("keystores-%d", i)), n.path(passwordFile), n.keys, mine); err != nil {
			return err
		}
	}
	return nil
}

// nodeOf is the node whose validator process has a key.
func (n *network) nodeOf(key int) int { return key * n.cfg.Nodes / len(n.keys) }

// extra is the keys of the validator that is deposited for.
func (n *network) extra() validatorKeys { return n.keys[n.cfg.Validators] }

// startTime is how long a program may take until it answers.
const startTime = 60 * time.Second

// gethHeader is what geth says of a block.
type gethHeader struct {
	Hash, StateRoot, ReceiptsRoot, Timestamp, GasLimit, BaseFeePerGas string
}

// startGeth starts the execution clients, connects them, and gives the header of the block that they begin with.
func (n *network) startGeth(ctx context.Context) (types.ExecutionPayloadHeader, error) {
	header := types.ExecutionPayloadHeader{LogsBloom: make([]byte, n.spec.BytesPerLogsBloom), Timestamp: uint64(n.time.Unix()), GasLimit: gasLimit}
	if n.cfg.Execution == Mock {
		header.BlockHash = types.Hash32{0: 0x67, 31: 1}
		return header, nil
	}
	var all errgroup.Group
	for i, node := range n.nodes {
		all.Go(func() error { return n.startOneGeth(ctx, i, node) })
	}
	if err := all.Wait(); err != nil {
		return header, err
	}
	for i, node := range n.nodes {
		var info struct{ Enode string }
		if err := rpc(ctx, node.rpc, &info, "admin_nodeInfo"); err != nil {
			return header, err
		}
		for _, other := range n.nodes[i+1:] {
			if err := rpc(ctx, other.rpc, nil, "admin_addPeer", info.Enode); err != nil {
				return header, err
			}
		}
	}
	var block gethHeader
	if err := rpc(ctx, n.nodes[0].rpc, &block, "eth_getBlockByNumber", "0x0", false); err != nil {
		return header, err
	}
	return header, block.fill(&header)
}

// fill sets what the beacon chain keeps of the first execution block.
func (b gethHeader) fill(h *types.ExecutionPayloadHeader) error {
	for text, to := range map[string][]byte{b.Hash: h.BlockHash[:], b.StateRoot: h.StateRoot[:], b.ReceiptsRoot: h.ReceiptsRoot[:]} {
		raw, err := parseHex(text)
		if err != nil || len(raw) != len(to) {
			return fmt.Errorf("geth's genesis block: %q, want %d bytes in hexadecimal", text, len(to))
		}
		copy(to, raw)
	}
	time, err1 := strconv.ParseUint(b.Timestamp, 0, 64)
	limit, err2 := strconv.ParseUint(b.GasLimit, 0, 64)
	fee, err3 := strconv.ParseUint(b.BaseFeePerGas, 0, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return fmt.Errorf("geth's genesis block: %w", err)
	}
	if time != h.Timestamp || limit != h.GasLimit {
		return fmt.Errorf("geth's genesis block is of %d with gas limit %d, want %d with %d", time, limit, h.Timestamp, h.GasLimit)
	}
	binary.LittleEndian.PutUint64(h.BaseFeePerGas[:], fee)
	return nil
}

func (n *network) startOneGeth(ctx context.Context, i int, node *node) error {
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	dir, id := n.path(fmt.Sprintf("geth-%d", i)), strconv.FormatUint(n.spec.DepositNetworkId, 10)
	if err := run(ctx, n.program("geth"), "init", "--state.scheme", "hash", "--datadir", dir, n.path(elFile)); err != nil {
		return err
	}
	// The state of every block is written: a geth that lost its newest states with the process would go over to snap sync.
	node.geth = n.processes.add(fmt.Sprintf("geth-%d", i), n.program("geth"), "--datadir", dir, "--networkid", id, "--syncmode", "full",
		"--state.scheme", "hash", "--gcmode", "archive", "--cache", "128", "--nodiscover", "--nat", "extip:127.0.0.1", "--netrestrict", "127.0.0.0/8",
		"--port", strconv.Itoa(ports[0]), "--ipcdisable", "--http", "--http.addr", "127.0.0.1", "--http.port", strconv.Itoa(ports[1]),
		"--http.api", "admin,eth,net,txpool", "--authrpc.addr", "127.0.0.1", "--authrpc.port", strconv.Itoa(ports[2]), "--authrpc.jwtsecret", n.path(jwtFile))
	node.rpc = fmt.Sprintf("http://127.0.0.1:%d", ports[1])
	node.engine = fmt.Sprintf("http://127.0.0.1:%d", ports[2])
	if err := n.processes.start(node.geth); err != nil {
		return err
	}
	return n.answers(ctx, node.geth, func(ctx context.Context) error {
		var number string
		return rpc(ctx, node.rpc, &number, "eth_blockNumber")
	})
}

// answers waits until a process answers, or ends.
func (n *network) answers(ctx context.Context, p *process, try func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := p.running
	go func() {
		select {
		case <-r.done:
			cancel()
		case <-ctx.Done():
		}
	}()
	if err := until(ctx, startTime, p.name+" answers", try); err != nil {
		return fmt.Errorf("%w; its last lines:\n%s", err, lastLines(p.log))
	}
	return nil
}

// writeGenesis makes the beacon chain's genesis above a block of the execution layer.
func (n *network) writeGenesis(header types.ExecutionPayloadHeader) error {
	account, err := accountAddress(0)
	if err != nil {
		return err
	}
	if n.genesis, err = genesisState(n.spec, uint64(n.time.Unix()), n.keys[:n.cfg.Validators], account, header); err != nil {
		return fmt.Errorf("genesis state: %w", err)
	}
	data, err := ssz.Marshal(n.genesis.Cx, ssz.Container(n.genesis))
	if err != nil {
		return err
	}
	root, err := ssz.HashTreeRoot(n.genesis.Cx, ssz.Container(n.genesis))
	if err != nil {
		return err
	}
	block := n.genesis.LatestBlockHeader
	block.StateRoot = root
	n.root = types.HashTreeRoot(&block)
	return os.WriteFile(n.path(genesisFile), data, 0o600)
}

// startBeacons starts the beacon nodes one after the other, each connected to those before.
func (n *network) startBeacons(ctx context.Context) error {
	var others []string
	for i, node := range n.nodes {
		ports, err := freePorts(3)
		if err != nil {
			return err
		}
		command := []string{
			n.program("cresset-beacon"), "--datadir", n.path(fmt.Sprintf("beacon-%d", i)), "--network-config", n.path(configFile), "--genesis", n.path(genesisFile),
			"--listen-address", "127.0.0.1", "--port", strconv.Itoa(ports[0]), "--quic-port", strconv.Itoa(ports[1]), "--no-discovery", "--local-peers", "--supernode",
			"--http-address", fmt.Sprintf("127.0.0.1:%d", ports[2]), "--log-format", "text",
		}
		if node.geth == nil {
			command = append(command, "--execution-endpoint", "embedded")
		} else {
			command = append(command, "--execution-endpoint", node.engine, "--jwt-secret", n.path(jwtFile))
		}
		for _, other := range others {
			command = append(command, "--static-peer", other)
		}
		node.beacon = n.processes.add(fmt.Sprintf("beacon-%d", i), command...)
		node.api = &beacon{spec: n.spec, url: fmt.Sprintf("http://127.0.0.1:%d", ports[2])}
		if err := n.processes.start(node.beacon); err != nil {
			return err
		}
		err = n.answers(ctx, node.beacon, func(ctx context.Context) error {
			address, err := node.api.identity(ctx, ports[0])
			if err == nil {
				others = append(others, address)
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// startValidators starts the validator processes; they wait for their beacon node themselves.
func (n *network) startValidators() error {
	account, err := accountAddress(0)
	if err != nil {
		return err
	}
	for i, node := range n.nodes {
		ports, err := freePorts(1)
		if err != nil {
			return err
		}
		node.validator = n.processes.add(fmt.Sprintf("validator-%d", i), n.program("cresset-validator"), "--datadir", n.path(fmt.Sprintf("validator-%d", i)),
			"--keystores", n.path(fmt.Sprintf("keystores-%d", i)), "--password-file", n.path(passwordFile), "--beacon-nodes", node.api.url,
			"--network-config", n.path(configFile), "--suggested-fee-recipient", account.String(), "--graffiti", fmt.Sprintf("devnet %d", i),
			"--metrics-address", fmt.Sprintf("127.0.0.1:%d", ports[0]), "--init", "--log-format", "text")
		if err := n.processes.start(node.validator); err != nil {
			return err
		}
	}
	return nil
}
