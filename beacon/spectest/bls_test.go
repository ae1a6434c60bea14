package spectest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/cresset/cresset/beacon/bls"
)

// Spec: tests/formats/bls, and the README of bls12-381-tests for deserialization, hash_to_G2 and batch_verify. What cannot be
// decoded is invalid input: it verifies as false, and an operation on it has no output.

func runSign(t *testing.T, c *Case) {
	var v struct {
		Input struct {
			PrivKey hexBytes `yaml:"privkey"`
			Message hexBytes `yaml:"message"`
		} `yaml:"input"`
		Output *hexBytes `yaml:"output"`
	}
	c.MustYAML("data", &v)
	var got []byte
	key, err := bls.SecretKeyFromBytes(v.Input.PrivKey)
	if err == nil {
		signature := key.Sign(v.Input.Message).Bytes()
		got = signature[:]
	}
	wantBytes(t, got, err, v.Output)
}

func runVerify(t *testing.T, c *Case) {
	var v struct {
		Input struct {
			PubKey    hexBytes `yaml:"pubkey"`
			Message   hexBytes `yaml:"message"`
			Signature hexBytes `yaml:"signature"`
		} `yaml:"input"`
		Output bool `yaml:"output"`
	}
	c.MustYAML("data", &v)
	keys, keyErr := publicKeys([]hexBytes{v.Input.PubKey})
	signature, signatureErr := bls.SignatureFromBytes(v.Input.Signature)
	got := keyErr == nil && signatureErr == nil && bls.Verify(keys[0], v.Input.Message, signature)
	wantBool(t, got, v.Output, keyErr, signatureErr)
}

func runAggregate(t *testing.T, c *Case) {
	var v struct {
		Input  []hexBytes `yaml:"input"`
		Output *hexBytes  `yaml:"output"`
	}
	c.MustYAML("data", &v)
	var got []byte
	signatures, err := signatures(v.Input)
	if err == nil {
		var sum *bls.Signature
		if sum, err = bls.AggregateSignatures(signatures); err == nil {
			encoded := sum.Bytes()
			got = encoded[:]
		}
	}
	wantBytes(t, got, err, v.Output)
}

func runAggregateVerify(t *testing.T, c *Case) {
	var v struct {
		Input struct {
			PubKeys   []hexBytes `yaml:"pubkeys"`
			Messages  []hexBytes `yaml:"messages"`
			Signature hexBytes   `yaml:"signature"`
		} `yaml:"input"`
		Output bool `yaml:"output"`
	}
	c.MustYAML("data", &v)
	keys, keyErr := publicKeys(v.Input.PubKeys)
	signature, signatureErr := bls.SignatureFromBytes(v.Input.Signature)
	messages := make([][]byte, len(v.Input.Messages))
	for i, message := range v.Input.Messages {
		messages[i] = message
	}
	got := keyErr == nil && signatureErr == nil && bls.AggregateVerify(keys, messages, signature)
	wantBool(t, got, v.Output, keyErr, signatureErr)
}

func runFastAggregateVerify(t *testing.T, c *Case) {
	fastAggregateVerify(t, c, bls.FastAggregateVerify)
}

func runEthFastAggregateVerify(t *testing.T, c *Case) {
	fastAggregateVerify(t, c, bls.EthFastAggregateVerify)
}

func fastAggregateVerify(t *testing.T, c *Case, verify func([]*bls.PublicKey, []byte, *bls.Signature) bool) {
	t.Helper()
	var v struct {
		Input struct {
			PubKeys   []hexBytes `yaml:"pubkeys"`
			Message   hexBytes   `yaml:"message"`
			Signature hexBytes   `yaml:"signature"`
		} `yaml:"input"`
		Output bool `yaml:"output"`
	}
	c.MustYAML("data", &v)
	keys, keyErr := publicKeys(v.Input.PubKeys)
	signature, signatureErr := bls.SignatureFromBytes(v.Input.Signature)
	got := keyErr == nil && signatureErr == nil && verify(keys, v.Input.Message, signature)
	wantBool(t, got, v.Output, keyErr, signatureErr)
}

func runEthAggregatePubkeys(t *testing.T, c *Case) {
	var v struct {
		Input  []hexBytes `yaml:"input"`
		Output *hexBytes  `yaml:"output"`
	}
	c.MustYAML("data", &v)
	var got []byte
	keys, err := publicKeys(v.Input)
	if err == nil {
		var sum *bls.PublicKey
		if sum, err = bls.AggregatePublicKeys(keys); err == nil {
			encoded := sum.Bytes()
			got = encoded[:]
		}
	}
	wantBytes(t, got, err, v.Output)
}

func runBatchVerify(t *testing.T, c *Case) {
	var v struct {
		Input struct {
			PubKeys    []hexBytes `yaml:"pubkeys"`
			Messages   []hexBytes `yaml:"messages"`
			Signatures []hexBytes `yaml:"signatures"`
		} `yaml:"input"`
		Output bool `yaml:"output"`
	}
	c.MustYAML("data", &v)
	in := v.Input
	if len(in.PubKeys) != len(in.Messages) || len(in.PubKeys) != len(in.Signatures) {
		t.Fatalf("%d keys, %d messages, %d signatures", len(in.PubKeys), len(in.Messages), len(in.Signatures))
	}
	keys, err := publicKeys(in.PubKeys)
	if err == nil {
		sets := make([]bls.Set, len(keys))
		for i, key := range keys {
			if len(in.Messages[i]) != len(sets[i].Message) || len(in.Signatures[i]) != len(sets[i].Signature) {
				t.Fatalf("message %d has %d bytes, signature %d", i, len(in.Messages[i]), len(in.Signatures[i]))
			}
			sets[i].Keys = []*bls.PublicKey{key}
			copy(sets[i].Message[:], in.Messages[i])
			copy(sets[i].Signature[:], in.Signatures[i])
		}
		err = bls.VerifyBatch(sets)
	}
	wantBool(t, err == nil, v.Output, err)
}

func runDeserializationG1(t *testing.T, c *Case) {
	var v struct {
		Input struct {
			PubKey hexBytes `yaml:"pubkey"`
		} `yaml:"input"`
		Output bool `yaml:"output"`
	}
	c.MustYAML("data", &v)
	// The point at infinity is well-formed, though no public key.
	_, err := bls.PublicKeyFromBytes(v.Input.PubKey)
	wantBool(t, err == nil || errors.Is(err, bls.ErrInfinity), v.Output, err)
}

func runDeserializationG2(t *testing.T, c *Case) {
	var v struct {
		Input struct {
			Signature hexBytes `yaml:"signature"`
		} `yaml:"input"`
		Output bool `yaml:"output"`
	}
	c.MustYAML("data", &v)
	_, err := bls.SignatureFromBytes(v.Input.Signature)
	wantBool(t, err == nil, v.Output, err)
}

func runHashToG2(t *testing.T, c *Case) {
	var v struct {
		Input struct {
			Msg string `yaml:"msg"`
		} `yaml:"input"`
		Output struct {
			X string `yaml:"x"`
			Y string `yaml:"y"`
		} `yaml:"output"`
	}
	c.MustYAML("data", &v)
	var want []byte // x.c0, x.c1, y.c0, y.c1
	for _, coordinate := range strings.Split(v.Output.X+","+v.Output.Y, ",") {
		part, err := parseHex(coordinate)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, part...)
	}
	// The tag of RFC 9380's own vectors (appendix J.10.1).
	const domain = "QUUX-V01-CS02-with-BLS12381G2_XMD:SHA-256_SSWU_RO_"
	if got := bls.HashToG2([]byte(v.Input.Msg), domain); !bytes.Equal(got[:], want) {
		t.Errorf("hash of %q to G2 is %#x, want %#x", v.Input.Msg, got, want)
	}
}

func publicKeys(encoded []hexBytes) ([]*bls.PublicKey, error) {
	return decodeAll(encoded, bls.PublicKeyFromBytes)
}

func signatures(encoded []hexBytes) ([]*bls.Signature, error) {
	return decodeAll(encoded, bls.SignatureFromBytes)
}

func decodeAll[T any](encoded []hexBytes, decode func([]byte) (*T, error)) ([]*T, error) {
	points := make([]*T, len(encoded))
	for i, b := range encoded {
		var err error
		if points[i], err = decode(b); err != nil {
			return nil, err
		}
	}
	return points, nil
}

// wantBytes compares an output, which is null in the vector where the operation has to fail.
func wantBytes(t *testing.T, got []byte, err error, want *hexBytes) {
	t.Helper()
	switch {
	case want == nil && err == nil:
		t.Errorf("output %#x, want an error", got)
	case want != nil && err != nil:
		t.Errorf("error %v, want %#x", err, []byte(*want))
	case want != nil && !bytes.Equal(got, *want):
		t.Errorf("output %#x, want %#x", got, []byte(*want))
	}
}

// wantBool compares a verdict; errs are what went wrong on the way to it.
func wantBool(t *testing.T, got, want bool, errs ...error) {
	t.Helper()
	if got != want {
		t.Errorf("output %t, want %t (%v)", got, want, errors.Join(errs...))
	}
}
