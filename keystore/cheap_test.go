package keystore

import (
	"errors"
	"testing"

	"github.com/cresset/cresset/beacon/bls"
)

// A cheap keystore is read like any other, and opens with its password only.
func TestCheapKeystoreIsAKeystore(t *testing.T) {
	key, err := bls.SecretKeyFromUint64(7)
	if err != nil {
		t.Fatal(err)
	}
	password, err := NewPassword([]byte("devnet"))
	if err != nil {
		t.Fatal(err)
	}
	made, err := EncryptCheaply(key, password, 2, "m/12381/3600/0/0/0")
	if err != nil {
		t.Fatal(err)
	}
	data, err := made.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	read, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := read.Decrypt(password)
	if err != nil {
		t.Fatal(err)
	}
	if opened.Bytes() != key.Bytes() {
		t.Error("the key that comes out is another than the one that went in")
	}
	other, err := NewPassword([]byte("another"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read.Decrypt(other); !errors.Is(err, ErrPassword) {
		t.Errorf("another password: %v, want ErrPassword", err)
	}
	if _, err := EncryptCheaply(key, password, 0, ""); err == nil {
		t.Error("no rounds at all were taken")
	}
}
