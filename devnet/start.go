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
	"strings"
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
	place                   place
	ports                   [portsOfNode]int
	rpc, engine             string // URLs of geth
	api                     *beacon
}

// The ports of a node.
const (
	gethPeers = iota
	gethRPC
	gethEngine
	beaconTCP
	beaconQUIC
	beaconHTTP
	validatorMetrics
	portsOfNode
)

// at is HOST:PORT of one of the node's ports.
func (n *node) at(port int) string { return fmt.Sprintf("%s:%d", n.place.host, n.ports[port]) }

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
	stage     *stage // nil where no fault needs one
	nodes     []*node
	addresses []string // of the beacon nodes that were started, for those after them
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
	return n.layOut()
}

// layOut says where everything is to be, before anything runs.
func (n *network) layOut() error {
	if n.cfg.Cut() {
		var err error
		if n.stage, err = newStage(); err != nil {
			return err
		}
	}
	ports, err := freePorts(n.cfg.Nodes * portsOfNode)
	if err != nil {
		return err
	}
	for i := range n.cfg.Nodes {
		x := &node{place: loopback, ports: [portsOfNode]int(ports[i*portsOfNode:])}
		if n.stage != nil {
			x.place = n.stage.places[2*i/n.cfg.Nodes]
		}
		if n.cfg.Execution == Geth {
			x.geth = n.processes.add(fmt.Sprintf("geth-%d", i), x.place)
			x.rpc, x.engine = "http://"+x.at(gethRPC), "http://"+x.at(gethEngine)
		}
		x.beacon = n.processes.add(fmt.Sprintf("beacon-%d", i), x.place)
		x.validator = n.processes.add(fmt.Sprintf("validator-%d", i), x.place)
		x.api = &beacon{spec: n.spec, url: "http://" + x.at(beaconHTTP)}
		n.nodes = append(n.nodes, x)
	}
	return nil
}

// nodeOf is the node whose validator process has a key: those that come late have a few at the end of the genesis validators, the others the rest.
func (n *network) nodeOf(key int) int {
	punctual, late := n.cfg.arrivals()
	first := n.cfg.Validators - lateKeys*len(late)
	if key >= first && key < n.cfg.Validators {
		return late[(key-first)/lateKeys]
	}
	return punctual[key*len(punctual)/len(n.keys)]
}

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
	punctual, _ := n.cfg.arrivals()
	var all errgroup.Group
	for _, i := range punctual {
		all.Go(func() error { return n.startOneGeth(ctx, i) })
	}
	if err := all.Wait(); err != nil {
		return header, err
	}
	for k, i := range punctual {
		if err := n.connectGeth(ctx, i, punctual[:k]); err != nil {
			return header, err
		}
	}
	var block gethHeader
	if err := rpc(ctx, n.nodes[0].rpc, &block, "eth_getBlockByNumber", "0x0", false); err != nil {
		return header, err
	}
	return header, block.fill(&header)
}

// connectGeth makes one geth a peer of others.
func (n *network) connectGeth(ctx context.Context, i int, others []int) error {
	var info struct{ Enode string }
	if err := rpc(ctx, n.nodes[i].rpc, &info, "admin_nodeInfo"); err != nil {
		return err
	}
	for _, other := range others {
		if err := rpc(ctx, n.nodes[other].rpc, nil, "admin_addPeer", info.Enode); err != nil {
			return err
		}
	}
	return nil
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

// startOneGeth starts a geth with an empty directory, and waits until it answers.
func (n *network) startOneGeth(ctx context.Context, i int) error {
	x, host := n.nodes[i], n.nodes[i].place.host
	dir, id := n.path(fmt.Sprintf("geth-%d", i)), strconv.FormatUint(n.spec.DepositNetworkId, 10)
	if err := run(ctx, n.program("geth"), "init", "--state.scheme", "hash", "--datadir", dir, n.path(elFile)); err != nil {
		return err
	}
	// The state of every block is written: a geth that lost its newest states with the process would go over to snap sync.
	x.geth.command = []string{
		n.program("geth"), "--datadir", dir, "--networkid", id, "--syncmode", "full",
		"--state.scheme", "hash", "--gcmode", "archive", "--cache", "128", "--nodiscover", "--nat", "extip:" + host, "--netrestrict", x.place.network,
		"--port", strconv.Itoa(x.ports[gethPeers]), "--ipcdisable", "--http", "--http.addr", host, "--http.port", strconv.Itoa(x.ports[gethRPC]),
		"--http.api", "admin,eth,net,txpool", "--authrpc.addr", host, "--authrpc.port", strconv.Itoa(x.ports[gethEngine]), "--authrpc.jwtsecret", n.path(jwtFile),
	}
	if err := n.processes.start(x.geth); err != nil {
		return err
	}
	return n.answers(ctx, x.geth, func(ctx context.Context) error {
		var number string
		return rpc(ctx, x.rpc, &number, "eth_blockNumber")
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
	punctual, _ := n.cfg.arrivals()
	for _, i := range punctual {
		x := n.nodes[i]
		if err := n.startBeacon(i); err != nil {
			return err
		}
		err := n.answers(ctx, x.beacon, func(ctx context.Context) error {
			id, err := x.api.identity(ctx)
			if err == nil {
				n.addresses = append(n.addresses, fmt.Sprintf("/ip4/%s/tcp/%d/p2p/%s", x.place.host, x.ports[beaconTCP], id))
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// startBeacon starts a beacon node with an empty directory.
func (n *network) startBeacon(i int) error {
	x := n.nodes[i]
	command := []string{
		n.program("cresset-beacon"), "--datadir", n.path(fmt.Sprintf("beacon-%d", i)), "--network-config", n.path(configFile),
		"--listen-address", x.place.host, "--port", strconv.Itoa(x.ports[beaconTCP]), "--quic-port", strconv.Itoa(x.ports[beaconQUIC]),
		"--no-discovery", "--local-peers", "--supernode", "--http-address", x.at(beaconHTTP), "--http-host", x.place.host, "--log-format", "text",
	}
	if x.geth == nil {
		command = append(command, "--execution-endpoint", "embedded")
	} else {
		command = append(command, "--execution-endpoint", x.engine, "--jwt-secret", n.path(jwtFile))
	}
	if f, late := n.cfg.comes(i); late && f.Checkpoint {
		command = append(command, "--checkpoint-sync-url", n.nodes[0].api.url)
	} else {
		command = append(command, "--genesis", n.path(genesisFile))
	}
	for _, other := range n.addresses {
		command = append(command, "--static-peer", other)
	}
	x.beacon.command = command
	return n.processes.start(x.beacon)
}

// startValidators starts the validator processes; they wait for their beacon nodes themselves.
func (n *network) startValidators() error {
	punctual, _ := n.cfg.arrivals()
	for _, i := range punctual {
		if err := n.startValidator(i); err != nil {
			return err
		}
	}
	return nil
}

// startValidator starts a validator process that never signed anything.
func (n *network) startValidator(i int) error {
	account, err := accountAddress(0)
	if err != nil {
		return err
	}
	x := n.nodes[i]
	var beacons []string
	for k := range n.cfg.BeaconsPerValidator {
		beacons = append(beacons, n.nodes[(i+k)%len(n.nodes)].api.url)
	}
	x.validator.command = []string{
		n.program("cresset-validator"), "--datadir", n.path(fmt.Sprintf("validator-%d", i)),
		"--keystores", n.path(fmt.Sprintf("keystores-%d", i)), "--password-file", n.path(passwordFile), "--beacon-nodes", strings.Join(beacons, ","),
		"--network-config", n.path(configFile), "--suggested-fee-recipient", account.String(), "--graffiti", fmt.Sprintf("devnet %d", i),
		"--metrics-address", x.at(validatorMetrics), "--init", "--log-format", "text",
	}
	return n.processes.start(x.validator)
}

// startLate starts all of a node that comes late; nothing but its geth is waited for.
func (n *network) startLate(ctx context.Context, i int) error {
	if n.nodes[i].geth != nil {
		punctual, _ := n.cfg.arrivals()
		if err := n.startOneGeth(ctx, i); err != nil {
			return err
		}
		if err := n.connectGeth(ctx, i, punctual); err != nil {
			return err
		}
	}
	if err := n.startBeacon(i); err != nil {
		return err
	}
	return n.startValidator(i)
}
