package keystore

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/bls"
)

const (
	vectorPassword = "𝔱𝔢𝔰𝔱𝔭𝔞𝔰𝔰𝔴𝔬𝔯𝔡🔑"
	vectorSecret   = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f"
)

func password(t testing.TB, text string) Password {
	t.Helper()
	p, err := NewPassword([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// vector gives the scrypt vector of EIP-2335.
func vector(t testing.TB) *Keystore {
	t.Helper()
	k, err := Parse(read(t, "eip2335-scrypt.json"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// cheap gives a keystore that costs next to nothing to open: one round of pbkdf2. It holds the secret key n.
func cheap(t testing.TB, n uint64) *Keystore {
	t.Helper()
	key, err := bls.SecretKeyFromUint64(n)
	if err != nil {
		t.Fatal(err)
	}
	derived, err := pbkdf2.Key(sha256.New, string(password(t, vectorPassword).Reveal()), []byte{1}, 1, 32)
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(derived[:16])
	if err != nil {
		t.Fatal(err)
	}
	secret := key.Bytes()
	message := make([]byte, 32)
	cipher.NewCTR(block, make([]byte, 16)).XORKeyStream(message, secret[:])
	public := key.PublicKey().Bytes()
	k := &Keystore{Pubkey: hex.EncodeToString(public[:]), UUID: newUUID(), Version: Version}
	k.Crypto.KDF.Function, k.Crypto.KDF.Params = string(PBKDF2), KDFParams{DKLen: 32, C: 1, PRF: "hmac-sha256", Salt: "01"}
	k.Crypto.Checksum.Function, k.Crypto.Checksum.Message = "sha256", fmt.Sprintf("%x", sha256.Sum256(append(derived[16:], message...)))
	k.Crypto.Cipher.Function, k.Crypto.Cipher.Params.IV = "aes-128-ctr", strings.Repeat("00", 16)
	k.Crypto.Cipher.Message = hex.EncodeToString(message)
	return k
}

func TestVectorsOfEIP2335Open(t *testing.T) {
	names, err := filepath.Glob("testdata/eip2335-*.json")
	if err != nil || len(names) != 2 {
		t.Fatalf("%d vectors (%v), want 2", len(names), err)
	}
	for _, name := range names {
		k, err := Parse(read(t, filepath.Base(name)))
		if err != nil {
			t.Fatal(err)
		}
		key, err := k.Decrypt(password(t, vectorPassword))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if secret := key.Bytes(); hex.EncodeToString(secret[:]) != vectorSecret {
			t.Errorf("%s holds another secret than the vector's", name)
		}
	}
}

func TestVectorsOfEIP2333Derive(t *testing.T) {
	var vectors []struct{ Seed, Master, Index, Child string }
	if err := json.Unmarshal(read(t, "eip2333.json"), &vectors); err != nil || len(vectors) != 4 {
		t.Fatalf("%d vectors (%v), want 4", len(vectors), err)
	}
	for _, v := range vectors {
		seed, err := hex.DecodeString(v.Seed[2:])
		if err != nil {
			t.Fatal(err)
		}
		path, err := ParsePath("m/" + v.Index)
		if err != nil {
			t.Fatal(err)
		}
		for want, path := range map[string]Path{v.Master: nil, v.Child: path} {
			key, err := Derive(seed, path)
			if err != nil {
				t.Fatal(err)
			}
			if secret := key.Bytes(); new(big.Int).SetBytes(secret[:]).String() != want {
				t.Errorf("seed %s, path %v: another key than the vector's", v.Seed, path)
			}
		}
	}
}

// The first vector's seed is that of a mnemonic (EIP-2333).
func TestMnemonicOfEIP2333GivesItsSeed(t *testing.T) {
	m, err := ParseMnemonic("  Abandon " + strings.Repeat("abandon ", 10) + "\n about ")
	if err != nil {
		t.Fatal(err)
	}
	const want = "c55257c360c07c72029aebc1b53c05ed0362ada38ead3e3e9efa3708e53495531f09a6987599d18264c1e1c92f2cf141630c7a3c4ab7c81b2f001698e7463b04"
	if got := hex.EncodeToString(m.Seed("TREZOR")); got != want {
		t.Errorf("seed is %s, want %s", got, want)
	}
}

func TestNewMnemonicsDifferAndAreRecovered(t *testing.T) {
	a, err := NewMnemonic()
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewMnemonic()
	if err != nil || a == b || len(strings.Fields(a.Reveal())) != 24 {
		t.Fatalf("two new mnemonics: equal %t, %d words, %v", a == b, len(strings.Fields(a.Reveal())), err)
	}
	if again, err := ParseMnemonic(a.Reveal()); err != nil || again != a {
		t.Errorf("a new mnemonic is not recovered: %v", err)
	}
}

func TestWrongMnemonicsAreRefusedWithoutTheirWords(t *testing.T) {
	for _, text := range []string{
		"", "abandon", strings.Repeat("abandon ", 12), strings.Repeat("abandon ", 11) + "secretive", strings.Repeat("abandon ", 27),
	} {
		_, err := ParseMnemonic(text)
		if err == nil {
			t.Fatalf("%q is taken", text)
		}
		if strings.Contains(err.Error(), "abandon") || strings.Contains(err.Error(), "secretive") {
			t.Errorf("the error repeats a word: %v", err)
		}
	}
}

func TestPathsOfEIP2334(t *testing.T) {
	if p := SigningPath(7).String(); p != "m/12381/3600/7/0/0" {
		t.Errorf("signing path %s", p)
	}
	if p := WithdrawalPath(7).String(); p != "m/12381/3600/7/0" {
		t.Errorf("withdrawal path %s", p)
	}
	for _, text := range []string{"", "12381", "m/", "m/-1", "m/01", "m/4294967296", "m/0'", "m" + strings.Repeat("/0", 17)} {
		if p, err := ParsePath(text); err == nil {
			t.Errorf("%q is taken as %v", text, p)
		}
	}
}

func TestPasswordsAreNormalised(t *testing.T) {
	if got := hex.EncodeToString(password(t, vectorPassword).Reveal()); got != "7465737470617373776f7264f09f9491" {
		t.Errorf("password of EIP-2335 is %s", got)
	}
	for _, c := range [][2]string{
		{"a\u00e9b", "ae\u0301b"},                                   // composed and decomposed
		{"\x00pass\t\nwo\x7frd\u0080\u009f\r", "password"},          // C0, Delete, C1
		{"\u212b", "A\u030a"},                                       // the Angstrom sign
		{"\ufb01", "fi"},                                            // a ligature
		{"pass word", "pass word"},                                  // a space stays
		{"p\u00e4ssw\u00f6rd\u00fc", "pa\u0308sswo\u0308rdu\u0308"}, // umlauts
	} {
		if got := string(password(t, c[0]).Reveal()); got != c[1] {
			t.Errorf("%q becomes %q, want %q", c[0], got, c[1])
		}
	}
	for _, text := range []string{"", "\n", "\xff", strings.Repeat("x", maxPassword+1)} {
		if _, err := NewPassword([]byte(text)); err == nil {
			t.Errorf("%.10q is taken", text)
		}
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	m, err := NewMnemonic()
	if err != nil {
		t.Fatal(err)
	}
	p := password(t, "tr0ub4dor")
	key, err := bls.SecretKeyFromUint64(0xabcdef)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("x", "p", p, "m", m, "r", Result{Key: key})
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+verb+verb, p, m, Result{Key: key})
		fmt.Fprintf(&out, verb, []any{&p, &m, struct {
			P Password
			M Mnemonic
		}{p, m}})
	}
	if err := json.NewEncoder(&out).Encode([]any{p, m}); err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(m.Reveal())
	for _, secret := range []string{"tr0ub4dor", hex.EncodeToString([]byte("tr0ub4dor")), words[0] + " " + words[1], "abcdef"} {
		if strings.Contains(strings.ToLower(out.String()), secret) {
			t.Errorf("%q is printed: %s", secret, out.String())
		}
	}
}

func TestKeysGoIntoAFileAndBack(t *testing.T) {
	key, err := Derive(make([]byte, 32), SigningPath(3))
	if err != nil {
		t.Fatal(err)
	}
	kdfs := []KDF{PBKDF2, Scrypt}
	if testing.Short() {
		kdfs = kdfs[:1] // under the race detector scrypt takes ten seconds, and its vector takes them already
	}
	for _, kdf := range kdfs {
		k, err := Encrypt(key, password(t, "p\u00e4ss"), kdf, SigningPath(3).String())
		if err != nil {
			t.Fatal(err)
		}
		data, err := k.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := again.Decrypt(password(t, "pa\u0308ss\n"))
		if err != nil || opened.Bytes() != key.Bytes() || again.Path != "m/12381/3600/3/0/0" || *again != *k {
			t.Errorf("%s: %v", kdf, err)
		}
	}
	if _, err := Encrypt(key, password(t, "x"), "none", ""); err == nil {
		t.Error("an unknown function is taken")
	}
}

func TestAWrongPasswordIsTold(t *testing.T) {
	if _, err := cheap(t, 1).Decrypt(password(t, "wrong")); !errors.Is(err, ErrPassword) {
		t.Errorf("error is %v", err)
	}
}

func TestAKeystoreThatHoldsAnotherKeyThanItStatesIsRefused(t *testing.T) {
	k := cheap(t, 1)
	k.Pubkey = strings.Repeat("ab", 48)
	if _, err := k.Decrypt(password(t, vectorPassword)); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "0x97f1d3a7") {
		t.Errorf("error is %v", err)
	}
}

func TestHostileParametersAreRefusedBeforeTheyCostAnything(t *testing.T) {
	for name, change := range map[string]func(*Keystore){
		"n not a power of two": func(k *Keystore) { k.Crypto.KDF.Params.N = 1000 },
		"n of 1":               func(k *Keystore) { k.Crypto.KDF.Params.N = 1 },
		"n too large":          func(k *Keystore) { k.Crypto.KDF.Params.N = 1 << 40 },
		"n negative":           func(k *Keystore) { k.Crypto.KDF.Params.N = -1 << 63 },
		"memory":               func(k *Keystore) { k.Crypto.KDF.Params.N, k.Crypto.KDF.Params.R = 1<<20, 9 },
		"r of 0":               func(k *Keystore) { k.Crypto.KDF.Params.R = 0 },
		"r too large":          func(k *Keystore) { k.Crypto.KDF.Params.R = 1 << 40 },
		"p of 0":               func(k *Keystore) { k.Crypto.KDF.Params.P = 0 },
		"p too large":          func(k *Keystore) { k.Crypto.KDF.Params.P = 17 },
		"work":                 func(k *Keystore) { k.Crypto.KDF.Params = KDFParams{DKLen: 32, N: 1 << 20, R: 8, P: 5} },
		"dklen too small":      func(k *Keystore) { k.Crypto.KDF.Params.DKLen = 31 },
		"dklen too large":      func(k *Keystore) { k.Crypto.KDF.Params.DKLen = 1 << 30 },
		"salt":                 func(k *Keystore) { k.Crypto.KDF.Params.Salt = strings.Repeat("ab", 257) },
		"c of 0": func(k *Keystore) {
			k.Crypto.KDF.Function, k.Crypto.KDF.Params.PRF, k.Crypto.KDF.Params.C = "pbkdf2", "hmac-sha256", 0
		},
		"c too large": func(k *Keystore) {
			k.Crypto.KDF.Function, k.Crypto.KDF.Params.PRF, k.Crypto.KDF.Params.C = "pbkdf2", "hmac-sha256", 1<<24+1
		},
		"prf": func(k *Keystore) {
			k.Crypto.KDF.Function, k.Crypto.KDF.Params.PRF, k.Crypto.KDF.Params.C = "pbkdf2", "hmac-md5", 1
		},
		"kdf":             func(k *Keystore) { k.Crypto.KDF.Function = "argon2" },
		"cipher":          func(k *Keystore) { k.Crypto.Cipher.Function = "aes-256-gcm" },
		"iv":              func(k *Keystore) { k.Crypto.Cipher.Params.IV = "00" },
		"cipher message":  func(k *Keystore) { k.Crypto.Cipher.Message = strings.Repeat("00", 31) },
		"checksum":        func(k *Keystore) { k.Crypto.Checksum.Message = "zz" },
		"checksum's name": func(k *Keystore) { k.Crypto.Checksum.Function = "crc32" },
		"version":         func(k *Keystore) { k.Version = 3 },
		"pubkey":          func(k *Keystore) { k.Pubkey = "0x00" },
		"path":            func(k *Keystore) { k.Path = "m/x" },
	} {
		k := vector(t)
		change(k)
		data, err := k.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(data); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: parsed: %v", name, err)
		}
		if _, err := k.Decrypt(password(t, vectorPassword)); err == nil {
			t.Errorf("%s: decrypted", name)
		}
	}
	good, err := vector(t).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{nil, []byte("{}"), []byte("null"), append(bytes.Clone(good), "{}"...), good[:len(good)/2], bytes.Repeat([]byte(" "), MaxFile+1)} {
		if _, err := Parse(data); !errors.Is(err, ErrFormat) {
			t.Errorf("%.20q: %v", data, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"eip2335-scrypt.json", "eip2335-pbkdf2.json"} {
		f.Add(read(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		k, err := Parse(data)
		if err != nil {
			return
		}
		if k.Memory() > maxScryptMemory*2 {
			t.Fatalf("%d bytes of memory are demanded", k.Memory())
		}
		again, err := k.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(again); err != nil {
			t.Fatalf("what was parsed is not parsed again: %v", err)
		}
	})
}
