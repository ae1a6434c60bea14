package keystore

import "testing"

func TestASeedThatIsTooShortIsRefused(t *testing.T) {
	if _, err := Derive(make([]byte, minSeed-1), nil); err == nil {
		t.Error("it is taken")
	}
}
