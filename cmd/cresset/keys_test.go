package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/transition"
	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/keystore"
	"github.com/cresset/cresset/validator/protection"
)

const (
	testMnemonic = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about"
	testPassword = "correct horse"
	testRoot     = "0xab00000000000000000000000000000000000000000000000000000000000000"
	testAddress  = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed" // of EIP-55
)

// typed runs a command with lines typed in.
func typed(input string, args ...string) (code int, out, errs string) {
	var stdout, stderr bytes.Buffer
	code = run(context.Background(), args, strings.NewReader(input), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// succeed runs a command that has to.
func succeed(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := command(t, args...)
	if code != 0 {
		t.Fatalf("cresset %s: exit code %d: %s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// fail runs a command that has to fail with an exit code and some words.
func fail(t *testing.T, code int, words string, args ...string) {
	t.Helper()
	if got, out, errs := command(t, args...); got != code || !strings.Contains(out+errs, words) {
		t.Errorf("cresset %s: exit code %d, want %d and %q: %s%s", strings.Join(args, " "), got, code, words, out, errs)
	}
}

// secretFile writes a file that only its owner may read.
func secretFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

type bench struct{ dir, password, mnemonic string }

// recovered makes a directory with keys of the test's mnemonic.
func recovered(t *testing.T, count int) bench {
	t.Helper()
	b := bench{filepath.Join(t.TempDir(), "keystores"), secretFile(t, "password", testPassword+"\n"), secretFile(t, "mnemonic", testMnemonic+"\n")}
	succeed(t, "keys", "recover", "--keystores", b.dir, "--mnemonic-file", b.mnemonic, "--password-file", b.password, "--kdf", "pbkdf2", "--count", fmt.Sprint(count))
	return b
}

// key is the public key of a number of the test's mnemonic.
func key(t *testing.T, path keystore.Path) types.BLSPubkey {
	t.Helper()
	m, err := keystore.ParseMnemonic(testMnemonic)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := keystore.Derive(m.Seed(""), path)
	if err != nil {
		t.Fatal(err)
	}
	return types.BLSPubkey(secret.PublicKey().Bytes())
}

func TestNewKeysAreRecoveredFromTheirMnemonic(t *testing.T) {
	dir, password := t.TempDir(), secretFile(t, "password", testPassword)
	words := filepath.Join(dir, "words")
	first := succeed(t, "keys", "new", "--keystores", dir+"/a", "--mnemonic-file", words, "--password-file", password, "--count", "2", "--kdf", "pbkdf2")
	if info, err := os.Stat(words); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("the mnemonic's file: %v, %v", info, err)
	}
	again := succeed(t, "keys", "recover", "--keystores", dir+"/b", "--mnemonic-file", words, "--password-file", password, "--count", "2", "--kdf", "pbkdf2")
	if strings.ReplaceAll(first, dir+"/a", dir+"/b") != again || strings.Count(again, "\n") != 2 {
		t.Errorf("made %s, recovered %s", first, again)
	}
	if out := succeed(t, "keys", "recover", "--keystores", dir+"/b", "--mnemonic-file", words, "--password-file", password, "--count", "2"); strings.Count(out, "is there already") != 2 {
		t.Errorf("recovered again: %s", out)
	}
	fail(t, 1, "already exists", "keys", "new", "--keystores", dir+"/c", "--mnemonic-file", words, "--password-file", password)
}

func TestKeysAreListedAndChecked(t *testing.T) {
	b := recovered(t, 2)
	list := succeed(t, "keys", "list", "--keystores", b.dir)
	for i := range uint32(2) {
		if want := fmt.Sprintf("%v %v ", key(t, keystore.SigningPath(i)), keystore.SigningPath(i)); !strings.Contains(list, want) {
			t.Errorf("%q is not listed: %s", want, list)
		}
	}
	if out := succeed(t, "keys", "check", "--keystores", b.dir, "--password-file", b.password); strings.Count(out, "good 0x") != 2 {
		t.Errorf("checked: %s", out)
	}
	fail(t, 3, "wrong password", "keys", "check", "--keystores", b.dir, "--password-file", secretFile(t, "other", "other password"))
	if err := os.WriteFile(filepath.Join(b.dir, "keystore-x.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	fail(t, 3, "1 of 3 keystores are bad", "keys", "list", "--keystores", b.dir)
	fail(t, 3, "1 of 3 keystores are bad", "keys", "check", "--keystores", b.dir, "--password-file", b.password)
	if err := os.Chmod(b.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	fail(t, 3, "chmod 700", "keys", "list", "--keystores", b.dir)
}

func TestSecretsAreNotTakenFromElsewhere(t *testing.T) {
	b := recovered(t, 1)
	fail(t, 2, "--password-file is missing", "keys", "check", "--keystores", b.dir)
	fail(t, 2, "--mnemonic-file is missing", "keys", "recover", "--keystores", b.dir, "--password-file", b.password)
	fail(t, 2, "terminal only", "keys", "new", "--keystores", b.dir, "--password-file", b.password)
	if err := os.Chmod(b.password, 0o644); err != nil {
		t.Fatal(err)
	}
	fail(t, 3, "chmod 600", "keys", "check", "--keystores", b.dir, "--password-file", b.password)
	fail(t, 3, "at least 8", "keys", "recover", "--keystores", b.dir, "--mnemonic-file", b.mnemonic, "--password-file", secretFile(t, "short", "short"))
	for name := range map[string]bool{"mnemonic": true, "password": true, "passphrase": true} {
		fail(t, 2, "unknown flag", "keys", "recover", "--"+name, "x")
	}
}

func TestWrongCallsOfKeysAreRefused(t *testing.T) {
	b := recovered(t, 1)
	fail(t, 2, "--keystores is missing", "keys", "list")
	empty := filepath.Join(t.TempDir(), "empty")
	if err := keystore.MakeDir(empty); err != nil {
		t.Fatal(err)
	}
	fail(t, 3, "no file keystore*.json", "keys", "list", "--keystores", empty)
	for _, args := range [][]string{{"--count", "0"}, {"--count", "10001"}, {"--first", "4294967295", "--count", "2"}, {"--kdf", "none"}} {
		fail(t, 2, args[0], append([]string{"keys", "recover", "--keystores", b.dir, "--password-file", b.password}, args...)...)
	}
	fail(t, 3, "checksum", "keys", "recover", "--keystores", b.dir, "--password-file", b.password, "--mnemonic-file", secretFile(t, "bad", strings.Replace(testMnemonic, "about", "abandon", 1)))
	fail(t, 2, "public key", "keys", "export", "--keystores", b.dir, "--to", b.dir+"x", "0x00")
	fail(t, 3, "no keystore states", "keys", "export", "--keystores", b.dir, "--to", b.dir+"x", types.BLSPubkey{1}.String())
}

func TestKeysAreImportedWithProtectionAndExportedUnderAnotherPassword(t *testing.T) {
	b := recovered(t, 3)
	home := filepath.Join(t.TempDir(), "home")
	importArgs := []string{"keys", "import", "--keystores", home, "--genesis-validators-root", testRoot, "--password-file", b.password, b.dir}
	fail(t, 3, "cresset protection create", importArgs...)
	succeed(t, "protection", "create", "--keystores", home, "--genesis-validators-root", testRoot)
	bad := fileOf(b.dir, key(t, keystore.SigningPath(1)))
	if err := os.WriteFile(bad, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := command(t, importArgs...)
	if code != 3 || strings.Count(out, "imported 0x") != 2 || strings.Count(out, "BAD") != 1 || !strings.Contains(out, bad) || !strings.Contains(errs, "1 of 3") {
		t.Errorf("import: exit code %d: %s%s", code, out, errs)
	}
	if show := succeed(t, "protection", "show", "--keystores", home, "--genesis-validators-root", testRoot); strings.Count(show, "no block, no attestation") != 2 {
		t.Errorf("registered: %s", show)
	}
	second := secretFile(t, "second", "another password")
	one := key(t, keystore.SigningPath(0)).String()
	succeed(t, "keys", "export", "--keystores", home, "--password-file", b.password, "--new-password-file", second, "--kdf", "pbkdf2", "--to", home+"/out", one)
	if out := succeed(t, "keys", "check", "--keystores", home+"/out", "--password-file", second); !strings.Contains(out, "good "+one) {
		t.Errorf("exported: %s", out)
	}
}

// Keystores that have a password each are opened with the same directory of passwords after they were imported under other names; whose history is there before is
// not said to have none.
func TestPasswordsAreImportedToo(t *testing.T) {
	b := recovered(t, 2)
	home, passwords := filepath.Join(t.TempDir(), "home"), t.TempDir()
	at := []string{"--keystores", home, "--genesis-validators-root", testRoot}
	for i := range uint32(2) {
		from := fileOf(b.dir, key(t, keystore.SigningPath(i)))
		name := fmt.Sprintf("keystore-m_12381_3600_%d_0_0-17", i)
		if err := errors.Join(os.Rename(from, filepath.Join(b.dir, name+".json")), os.WriteFile(filepath.Join(passwords, name+".txt"), []byte(testPassword), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	succeed(t, append([]string{"protection", "create"}, at...)...)
	file := write(t, "history.json", fmt.Appendf(nil, `{"metadata":{"interchange_format_version":"5","genesis_validators_root":%q},
		"data":[{"pubkey":"%v","signed_blocks":[{"slot":"9"}],"signed_attestations":[]}]}`, testRoot, key(t, keystore.SigningPath(0))))
	succeed(t, append([]string{"protection", "import", file}, at...)...)
	code, out, errs := command(t, append([]string{"keys", "import", "--passwords", passwords, b.dir}, at...)...)
	if code != 0 || strings.Count(out, "has signed nothing") != 1 || !strings.Contains(errs, "1 keys have no history here") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	if out := succeed(t, "keys", "check", "--keystores", home, "--passwords", passwords); strings.Count(out, "good 0x") != 2 {
		t.Errorf("checked: %s", out)
	}
}

// A key that is made for a directory with slashing protection is registered by a command, which the one that makes it names; what others signed stays.
func TestLaterKeysAreRegistered(t *testing.T) {
	b := recovered(t, 1)
	at := func(args ...string) []string {
		return append([]string{"protection", args[0], "--keystores", b.dir, "--genesis-validators-root", testRoot}, args[1:]...)
	}
	succeed(t, at("create", "--yes")...)
	first, second := key(t, keystore.SigningPath(0)), key(t, keystore.SigningPath(1))
	file := write(t, "history.json", fmt.Appendf(nil, `{"metadata":{"interchange_format_version":"5","genesis_validators_root":%q},
		"data":[{"pubkey":"%v","signed_blocks":[{"slot":"9"}],"signed_attestations":[]}]}`, testRoot, first))
	succeed(t, at("import", file)...)
	_, _, said := command(t, "keys", "recover", "--keystores", b.dir, "--mnemonic-file", b.mnemonic, "--password-file", b.password, "--kdf", "pbkdf2", "--first", "1")
	if want := "cresset protection register --keystores " + b.dir; !strings.Contains(said, want) {
		t.Errorf("keys recover says %q, want %q", said, want)
	}
	fail(t, 1, "not confirmed", at("register")...)
	if out := succeed(t, at("register", "--yes")...); out != fmt.Sprintf("registered %v\n1 keys were registered, 1 were before\n", second) {
		t.Errorf("register says %s", out)
	}
	third := types.BLSPubkey{1}
	if out := succeed(t, at("register", "--yes", third.String(), first.String())...); !strings.Contains(out, fmt.Sprintf("registered %v\n1 keys", third)) {
		t.Errorf("register says %s", out)
	}
	if out := succeed(t, at("show")...); !strings.Contains(out, first.String()+" block at slot 9") || strings.Count(out, "\n") != 3 {
		t.Errorf("shown: %s", out)
	}
}

func TestTheHistoryGoesInAndOut(t *testing.T) {
	b := recovered(t, 1)
	at := func(args ...string) []string {
		return append([]string{"protection", args[0], "--keystores", b.dir, "--genesis-validators-root", testRoot}, args[1:]...)
	}
	fail(t, 1, "not confirmed", at("create")...) // there are keys already
	code, out, errs := typed("yes\n", at("create")...)
	if code != 0 || !strings.Contains(out, "1 keys") {
		t.Fatalf("create: exit code %d: %s%s", code, out, errs)
	}
	fail(t, 3, protection.MarkerName, at("create", "--yes")...)
	one := key(t, keystore.SigningPath(0))
	file := write(t, "history.json", fmt.Appendf(nil, `{"metadata":{"interchange_format_version":"5","genesis_validators_root":%q},
		"data":[{"pubkey":"%v","signed_blocks":[{"slot":"9"}],"signed_attestations":[{"source_epoch":"2","target_epoch":"3"}]}]}`, testRoot, one))
	out = succeed(t, at("import", file)...)
	if !strings.Contains(out, one.String()+"\n  before: no block, no attestation\n  now:    block at slot 9 (signing root unknown), attestation from source 2 to target 3") {
		t.Errorf("import says %s", out)
	}
	exported := succeed(t, at("export", one.String())...)
	if !strings.Contains(exported, `"slot": "9"`) || !strings.Contains(exported, `"target_epoch": "3"`) {
		t.Errorf("exported %s", exported)
	}
	target := filepath.Join(t.TempDir(), "out.json")
	succeed(t, at("export", "--output", target)...)
	if text, err := os.ReadFile(target); err != nil || string(text) != exported {
		t.Errorf("written: %s, %v", text, err)
	}
	if out := succeed(t, at("show", one.String())...); !strings.Contains(out, "block at slot 9") {
		t.Errorf("shown: %s", out)
	}
	fail(t, 3, "not registered", at("show", types.BLSPubkey{1}.String())...)
	fail(t, 3, "not registered", at("export", types.BLSPubkey{1}.String())...)
	fail(t, 3, "not a valid interchange file", at("import", b.password)...)
	fail(t, 3, "another chain", "protection", "show", "--keystores", b.dir, "--genesis-validators-root", "0xcd"+testRoot[4:])
	fail(t, 2, "--genesis-validators-root", "protection", "show", "--keystores", b.dir)
}

func TestDepositsAreWhatTheChainTakes(t *testing.T) {
	b := recovered(t, 2)
	for _, compounding := range []bool{false, true} {
		target := filepath.Join(t.TempDir(), "deposit.json")
		args := []string{"deposit", "--network", "hoodi", "--keystores", b.dir, "--password-file", b.password, "--withdrawal-address", testAddress, "--output", target}
		prefix, amount := "01", uint64(32e9)
		if compounding {
			prefix, amount = "02", 2048e9
			args = append(args, "--compounding", "--amount", fmt.Sprint(amount))
		}
		if code, out, errs := typed("yes\n", args...); code != 0 || !strings.Contains(errs, testAddress) {
			t.Fatalf("exit code %d: %s%s", code, out, errs)
		}
		text, err := os.ReadFile(target)
		if err != nil {
			t.Fatal(err)
		}
		var entries []map[string]any
		if err := json.Unmarshal(text, &entries); err != nil || len(entries) != 2 {
			t.Fatalf("%d entries, %v", len(entries), err)
		}
		spec, err := params.ByName("hoodi")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			var d types.DepositData
			for name, dst := range map[string][]byte{"pubkey": d.Pubkey[:], "withdrawal_credentials": d.WithdrawalCredentials[:], "signature": d.Signature[:]} {
				raw, err := hex.DecodeString(e[name].(string))
				if err != nil || copy(dst, raw) != len(dst) {
					t.Fatalf("%s is %v", name, e[name])
				}
			}
			d.Amount = types.Gwei(e["amount"].(float64))
			if uint64(d.Amount) != amount || e["withdrawal_credentials"] != prefix+"0000000000000000000000"+strings.ToLower(testAddress[2:]) {
				t.Errorf("deposit is %v", e)
			}
			if !transition.VerifyDepositSignatures(spec, transition.NewEnv(nil), params.DomainDeposit(), []types.DepositData{d})[0] {
				t.Errorf("signature of %v is wrong", d.Pubkey)
			}
			if want := types.HashTreeRoot(&d).String()[2:]; e["deposit_data_root"] != want || e["network_name"] != "hoodi" || e["fork_version"] != "10000910" {
				t.Errorf("deposit is %v, want root %s", e, want)
			}
		}
	}
}

func TestWrongDepositsAreRefused(t *testing.T) {
	b := recovered(t, 1)
	base := []string{"deposit", "--network", "hoodi", "--keystores", b.dir, "--password-file", b.password, "--output", b.dir + "/d.json", "--yes"}
	for _, c := range [][]string{
		{"--withdrawal-address is missing"},
		{"want 0x", "--withdrawal-address", "0x1234"},
		{"nobody has", "--withdrawal-address", "0x" + strings.Repeat("0", 40)},
		{"EIP-55", "--withdrawal-address", strings.Replace(testAddress, "5a", "5A", 1)},
		{"--amount is 999999999", "--withdrawal-address", testAddress, "--amount", "999999999"},
		{"--amount is 33000000000", "--withdrawal-address", testAddress, "--amount", "33000000000"},
		{"--amount is 2049000000000", "--withdrawal-address", testAddress, "--compounding", "--amount", "2049000000000"},
		{"one of --network", "--withdrawal-address", testAddress, "--network-config", "x"},
	} {
		fail(t, 2, c[0], append(base, c[1:]...)...)
	}
	code, _, errs := typed("no\n", "deposit", "--network", "hoodi", "--keystores", b.dir, "--password-file", b.password, "--withdrawal-address", testAddress, "--output", b.dir+"/d.json")
	if _, err := os.Stat(b.dir + "/d.json"); code != 1 || err == nil {
		t.Errorf("not confirmed: exit code %d: %s, %v", code, errs, err)
	}
}

func TestChecksumsOfEIP55(t *testing.T) {
	for _, text := range []string{
		"0x52908400098527886E0F7030069857D2E4169EE7", "0x8617E340B3D01FA5F11F306F4090FD50E238070D", "0xde709f2102306220921060314715629080e2fb77",
		"0x27b1fdb04752bbc536007a920d24acb045561c26", testAddress, "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
		"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
	} {
		a, err := parseAddress("x", text)
		if err != nil || checksummed(a) != text {
			t.Errorf("%s becomes %s, %v", text, checksummed(a), err)
		}
	}
}

// beaconNode is a server that knows one validator and takes operations.
func beaconNode(t *testing.T, pubkey types.BLSPubkey, credentials types.Bytes32) (url string, taken *[]string) {
	t.Helper()
	taken = new([]string)
	s := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			*taken = append(*taken, r.URL.Path+" "+string(body))
		case r.URL.Path == "/eth/v1/beacon/genesis":
			fmt.Fprintf(out, `{"data":{"genesis_time":"1742213400","genesis_validators_root":%q}}`, testRoot)
		case r.URL.Path == "/eth/v1/beacon/states/head/validators/"+pubkey.String(), r.URL.Path == "/eth/v1/beacon/states/head/validators/5":
			fmt.Fprintf(out, `{"data":{"index":"5","status":"active_ongoing","validator":{"pubkey":"%v","withdrawal_credentials":"%v"}}}`, pubkey, credentials)
		default:
			http.NotFound(out, r)
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, taken
}

func TestAnExitIsConfirmedSignedAndHandedIn(t *testing.T) {
	b := recovered(t, 1)
	one := key(t, keystore.SigningPath(0))
	url, taken := beaconNode(t, one, types.Bytes32{1})
	file := fileOf(b.dir, one)
	base := []string{"exit", "--network", "hoodi", "--beacon-node", url, "--keystore", file, "--password-file", b.password, "--epoch", "3"}
	with := func(more ...string) []string { return append(append([]string{}, base...), more...) }
	if out := succeed(t, with("--dry-run")...); !strings.Contains(out, "Validator 5") || !strings.Contains(out, "Nothing was signed") {
		t.Errorf("dry run says %s", out)
	}
	if code, _, errs := typed("no\n", base...); code != 1 || !strings.Contains(errs, "not confirmed") || len(*taken) != 0 {
		t.Errorf("not confirmed: exit code %d: %s, handed in %v", code, errs, *taken)
	}
	if code, out, errs := typed("yes\n", base...); code != 0 || !strings.Contains(out, "handed in") {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	printed := succeed(t, with("--yes", "--print")...)
	if len(*taken) != 1 || (*taken)[0] != "/eth/v1/beacon/pool/voluntary_exits "+strings.TrimSpace(printed) || !strings.Contains(printed, `"epoch":"3","validator_index":"5"`) {
		t.Errorf("handed in %v, printed %s", *taken, printed)
	}
	offline := []string{"exit", "--network", "hoodi", "--genesis-validators-root", testRoot, "--genesis-time", "1742213400", "--keystore", file, "--password-file", b.password,
		"--epoch", "3", "--index", "5", "--yes"}
	if out := succeed(t, append(offline, "--print")...); out != printed {
		t.Errorf("offline %s, online %s", out, printed)
	}
	fail(t, 2, "only --print", offline...)
	fail(t, 3, "has index 5, want 6", with("--index", "6", "--yes")...)
	fail(t, 3, "another chain", with("--genesis-validators-root", "0xcd"+testRoot[4:], "--yes")...)
	fail(t, 1, "ahead of the clock", with("--epoch", "999999999", "--yes", "--print")...)
	fail(t, 2, "--keystore is missing", "exit", "--network", "hoodi")
}

func TestAChangeOfCredentialsIsComparedConfirmedAndHandedIn(t *testing.T) {
	b := recovered(t, 1)
	// sha256 of the withdrawal key behind 0x00.
	want := withdrawalCredentials(key(t, keystore.WithdrawalPath(2)))
	url, taken := beaconNode(t, key(t, keystore.SigningPath(2)), want)
	args := []string{"bls-change", "--network", "hoodi", "--beacon-node", url, "--index", "5", "--mnemonic-file", b.mnemonic, "--account", "2", "--to", testAddress}
	code, out, errs := typed("yes\n", args...)
	if code != 0 || !strings.Contains(errs, testAddress) || len(*taken) != 1 {
		t.Fatalf("exit code %d: %s%s, handed in %v", code, out, errs, *taken)
	}
	if got := (*taken)[0]; !strings.HasPrefix(got, "/eth/v1/beacon/pool/bls_to_execution_changes [{") || !strings.Contains(got, key(t, keystore.WithdrawalPath(2)).String()) ||
		!strings.Contains(got, strings.ToLower(testAddress)) {
		t.Errorf("handed in %s", got)
	}
	fail(t, 3, "withdrawal credentials", append(args, "--account", "1", "--yes")...)
	fail(t, 2, "--to is missing", args[:len(args)-2]...)
	if out := succeed(t, append(args, "--dry-run")...); !strings.Contains(out, "Nothing was signed") || len(*taken) != 1 {
		t.Errorf("dry run: %s", out)
	}
}
