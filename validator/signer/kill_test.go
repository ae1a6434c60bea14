package signer

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/cresset/cresset/beacon/bls"
	"github.com/cresset/cresset/beacon/clock"
	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/validator/protection"
)

const (
	killKeys  = 8
	killEpoch = types.Epoch(100) // after the last fork
	killEnv   = "CRESSET_TEST_SIGN_IN"
)

// TestMain is also the process that signs until it is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(killEnv); dir != "" {
		if err := signUntilKilled(dir); err != nil {
			fmt.Println("error:", err)
		}
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// released is a signature that left the process, a line of its output.
type released struct {
	Block          bool
	Key            uint64
	Source, Target uint64 // of a block its slot, twice
	Root           types.Root
	Signature      types.BLSSignature
}

func (r released) line() string {
	return fmt.Sprintf("signed %t %d %d %d %v %v\n", r.Block, r.Key, r.Source, r.Target, r.Root, r.Signature)
}

func parseReleased(line string) (r released, err error) {
	var root, signature string
	if _, err := fmt.Sscanf(line, "signed %t %d %d %d 0x%s 0x%s\n", &r.Block, &r.Key, &r.Source, &r.Target, &root, &signature); err != nil {
		return r, fmt.Errorf("%q: %w", line, err)
	}
	if _, err := hex.Decode(r.Root[:], []byte(root)); err != nil {
		return r, err
	}
	_, err = hex.Decode(r.Signature[:], []byte(signature))
	return r, err
}

// signUntilKilled asks, without any memory of its own, for blocks and attestations around the height that each key has reached: above it, at it, below it
// and around what was signed, so that without protection it would be slashed within a few tries.
func signUntilKilled(dir string) error {
	store, err := protection.Open(storeConfig(dir))
	if err != nil {
		return err
	}
	spec, _, err := params.Load([]byte(specText))
	if err != nil {
		return err
	}
	source := clock.NewManual(time.Unix(genesisTime, 0))
	c := clock.New(clock.Config{Spec: spec, GenesisTime: genesisTime, Source: source})
	s := New(Config{Spec: spec, GenesisValidatorsRoot: genesis, Clock: c})
	keys := make([]types.BLSPubkey, killKeys)
	for i := range keys {
		secret, err := bls.SecretKeyFromUint64(uint64(i + 1))
		if err != nil {
			return err
		}
		keys[i] = s.Add(secret)
	}
	fmt.Println("ready")
	for {
		marks, err := store.Marks()
		if err != nil {
			return err
		}
		top := killEpoch
		for _, m := range marks {
			top = max(top, m.Target, types.ComputeEpochAtSlot(spec, m.Slot))
		}
		source.Set(c.StartOf(types.Slot(uint64(top+4) * spec.SlotsPerEpoch)))
		info := info(spec, killEpoch)
		var out bytes.Buffer
		if rand.IntN(4) == 0 {
			err = signBlock(spec, s, store, info, marks[rand.IntN(len(marks))], &out)
		} else {
			err = signAttestations(spec, s, store, info, marks, &out)
		}
		if err != nil {
			return err
		}
		if _, err := os.Stdout.Write(out.Bytes()); err != nil {
			return err
		}
	}
}

// near is a height around another one.
func near(n uint64) uint64 { return n + rand.Uint64N(5) - min(n, 2) }

func signBlock(spec *params.Spec, s *Signer, store *protection.Store, info ForkInfo, m protection.Mark, out *bytes.Buffer) error {
	b := block(spec, killEpoch)
	b.Slot = types.Slot(near(max(uint64(m.Slot), uint64(killEpoch)*spec.SlotsPerEpoch)))
	b.ParentRoot = types.Root{byte(rand.IntN(256)), byte(rand.IntN(256))}
	root, err := s.BlockRoot(info, b)
	if err != nil {
		return err
	}
	permit, err := store.Block(protection.Block{Key: m.Key, Slot: b.Slot, SigningRoot: root})
	if err != nil {
		fmt.Fprintln(out, "refused")
		return nil
	}
	signature, err := s.SignBlock(info, m.Key, b, permit)
	if err != nil {
		return err
	}
	out.WriteString(released{true, index(s, m.Key), uint64(b.Slot), uint64(b.Slot), root, signature}.line())
	return nil
}

func signAttestations(spec *params.Spec, s *Signer, store *protection.Store, info ForkInfo, marks []protection.Mark, out *bytes.Buffer) error {
	var batch []AttestationRequest
	var asked []protection.Attestation
	for _, m := range marks {
		target := types.Epoch(near(max(uint64(m.Target), uint64(killEpoch))))
		data := attestation(spec, target-types.Epoch(1+rand.Uint64N(4)), target)
		data.BeaconBlockRoot = types.Root{byte(rand.IntN(256)), byte(rand.IntN(256))}
		root, err := s.AttestationRoot(info, data)
		if err != nil {
			return err
		}
		batch = append(batch, AttestationRequest{Key: m.Key, Data: data})
		asked = append(asked, protection.Attestation{Key: m.Key, Source: data.Source.Epoch, Target: target, SigningRoot: root})
	}
	verdicts, err := store.Attestations(asked)
	if err != nil {
		return err
	}
	for i := range batch {
		batch[i].Permit = verdicts[i].Permit
	}
	for i, r := range s.SignAttestations(info, batch) {
		if r.Err != nil {
			if verdicts[i].Err == nil {
				return r.Err
			}
			fmt.Fprintln(out, "refused")
			continue
		}
		a := asked[i]
		out.WriteString(released{false, index(s, a.Key), uint64(a.Source), uint64(a.Target), a.SigningRoot, r.Signature}.line())
	}
	return nil
}

func index(s *Signer, key types.BLSPubkey) uint64 {
	for i := range uint64(killKeys) {
		secret, err := bls.SecretKeyFromUint64(i + 1)
		if err == nil && types.BLSPubkey(secret.PublicKey().Bytes()) == key {
			return i
		}
	}
	panic("a key that nobody added")
}

// oracle keeps every signature that was released.
type oracle struct {
	all []released
	by  map[[2]uint64][]released // by key and kind
}

func (o *oracle) of(r released) [2]uint64 {
	if r.Block {
		return [2]uint64{r.Key, 1}
	}
	return [2]uint64{r.Key, 0}
}

// add gives the signature that makes a slashable pair with another, if there is one.
func (o *oracle) add(r released) (other released, slashable bool) {
	k := o.of(r)
	for _, x := range o.by[k] {
		double := x.Target == r.Target && x.Root != r.Root
		surround := !r.Block && (x.Source < r.Source && r.Target < x.Target || r.Source < x.Source && x.Target < r.Target)
		if double || surround {
			return x, true
		}
	}
	o.by[k] = append(o.by[k], r)
	o.all = append(o.all, r)
	return released{}, false
}

// recorded says what is wrong where the database does not know of a signature.
func recorded(m protection.Mark, r released) error {
	height, root := uint64(m.Target), m.AttestationRoot
	if r.Block {
		height, root = uint64(m.Slot), m.BlockRoot
	}
	switch {
	case height < r.Target:
		return fmt.Errorf("%+v is not recorded: the database is at %d", r, height)
	case height == r.Target && (root == nil || *root != r.Root):
		return fmt.Errorf("%+v is not recorded: the database has another root", r)
	case !r.Block && uint64(m.Source) < r.Source:
		return fmt.Errorf("%+v is not recorded: the database has the source %d", r, m.Source)
	}
	return nil
}

func TestTheOracleFindsSlashablePairs(t *testing.T) {
	a := func(source, target uint64, root byte) released {
		return released{Source: source, Target: target, Root: types.Root{root}}
	}
	for _, c := range []struct {
		one, two released
		want     bool
	}{
		{a(1, 2, 1), a(1, 2, 1), false}, {a(1, 2, 1), a(1, 2, 2), true}, {a(1, 2, 1), a(2, 3, 2), false},
		{a(2, 3, 1), a(1, 4, 2), true}, {a(1, 4, 1), a(2, 3, 2), true}, {a(1, 3, 1), a(1, 4, 2), false},
		{released{Block: true, Target: 5, Root: types.Root{1}}, released{Block: true, Target: 5, Root: types.Root{2}}, true},
		{released{Block: true, Target: 5}, a(5, 5, 1), false},
		{a(1, 2, 1), released{Key: 1, Source: 1, Target: 2, Root: types.Root{2}}, false},
	} {
		o := &oracle{by: map[[2]uint64][]released{}}
		o.add(c.one)
		if _, got := o.add(c.two); got != c.want {
			t.Errorf("%+v, %+v: slashable %t", c.one, c.two, got)
		}
	}
	r, err := parseReleased(a(3, 4, 9).line())
	if err != nil || r != a(3, 4, 9) {
		t.Errorf("a line is read as %+v, %v", r, err)
	}
	root := types.Root{7}
	for _, m := range []protection.Mark{{Source: 3, Target: 3, AttestationRoot: &root}, {Source: 3, Target: 4, AttestationRoot: &root}, {Source: 3, Target: 4}, {Source: 2, Target: 5}} {
		if recorded(m, a(3, 4, 9)) == nil {
			t.Errorf("%+v is taken for a record", m)
		}
	}
}

// A process that signs is killed at any instant, again and again. No two of all the signatures it ever released are slashable, and each is recorded.
// CRESSET_KILLS says how often.
func TestKilledWhileSigning(t *testing.T) {
	kills := 40
	if testing.Short() {
		kills = 10
	}
	if text := os.Getenv("CRESSET_KILLS"); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	var keys []types.BLSPubkey
	for i := range uint64(killKeys) {
		keys = append(keys, types.BLSPubkey(secret(t, i+1).PublicKey().Bytes()))
	}
	if err := store(t, dir, keys...).Close(); err != nil {
		t.Fatal(err)
	}
	o := &oracle{by: map[[2]uint64][]released{}}
	refused, early := 0, 0
	for kill := range kills {
		// One kill in four falls into the start of the process, while the database is read and a change of the last kill is taken back.
		ready, lines := runAndKill(t, dir, kill%4 != 0, time.Duration(rand.IntN(60_000))*time.Microsecond)
		if !ready {
			early++
		}
		for _, line := range lines {
			if line == "refused\n" {
				refused++
				continue
			}
			r, err := parseReleased(line)
			if err != nil {
				t.Fatal(err)
			}
			if other, slashable := o.add(r); slashable {
				t.Fatalf("kill %d: %+v and %+v are slashable", kill, other, r)
			}
		}
		s, err := protection.Open(storeConfig(dir))
		if err != nil {
			t.Fatalf("after kill %d: %v", kill, err)
		}
		marks, err := s.Marks(keys...)
		if err != nil || len(marks) != killKeys {
			t.Fatalf("after kill %d: %d keys, %v", kill, len(marks), err)
		}
		for _, all := range o.by {
			for _, r := range all {
				if err := recorded(marks[r.Key], r); err != nil {
					t.Fatalf("after kill %d: %v", kill, err)
				}
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var sets []bls.Set
	for _, r := range o.all {
		sets = append(sets, setOf(t, keys[r.Key], r))
	}
	if err := bls.VerifyBatch(sets); err != nil {
		t.Errorf("a released signature is wrong: %v", err)
	}
	if len(o.all) < kills/2 || refused < kills/2 {
		t.Errorf("%d signatures were released and %d refused: too few for a test", len(o.all), refused)
	}
	t.Logf("%d kills (%d of them before the database was open): %d signatures released, no slashable pair, each of them recorded; %d messages refused",
		kills, early, len(o.all), refused)
}

// runAndKill starts the process, kills it some time after its start, or after it is ready to sign, and gives the lines that it wrote whole.
func runAndKill(t *testing.T, dir string, signing bool, after time.Duration) (ready bool, lines []string) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), killEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := func() { _ = cmd.Process.Kill() } // its error is that the process has ended
	if !signing {
		defer time.AfterFunc(after, kill).Stop()
	}
	for r := bufio.NewReader(out); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			break // what stands in line was not written whole
		}
		switch {
		case line == "ready\n":
			ready = true
			if signing {
				defer time.AfterFunc(after, kill).Stop()
			}
		case len(line) > 6 && line[:6] == "error:":
			t.Errorf("the process says %q", line)
		default:
			lines = append(lines, line)
		}
	}
	_ = cmd.Wait() // its error is that it was killed
	return ready, lines
}

func setOf(t *testing.T, key types.BLSPubkey, r released) bls.Set {
	t.Helper()
	public, err := bls.PublicKeyFromBytes(key[:])
	if err != nil {
		t.Fatal(err)
	}
	return bls.Set{Keys: []*bls.PublicKey{public}, Message: r.Root, Signature: r.Signature}
}
