package main

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/cresset/cresset/beacon/types"
	"github.com/cresset/cresset/cmd/internal/options"
	"github.com/cresset/cresset/validator/client"
)

// maxValidatorSettings bounds the file of validator-settings, bytes: some 200 a key.
const maxValidatorSettings = 16 << 20

// validatorSettings is what the file of validator-settings says.
type validatorSettings struct {
	standard   client.KeySettings // of all others
	validators map[types.BLSPubkey]client.KeySettings
}

// readValidatorSettings reads the file. What it does not know is an error: it would have no effect.
func readValidatorSettings(path string) (*validatorSettings, error) {
	list, err := options.ReadEntries(path, maxValidatorSettings)
	if err != nil {
		return nil, err
	}
	s := &validatorSettings{validators: map[types.BLSPubkey]client.KeySettings{}}
	for _, e := range list {
		switch e.Key {
		case "default":
			s.standard, err = readKeySettings(e)
		case "validators":
			err = s.readValidators(e)
		default:
			err = e.Unknown([]string{"default", "validators"})
		}
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *validatorSettings) readValidators(e options.Entry) error {
	list, err := e.Entries()
	if err != nil {
		return err
	}
	for _, v := range list {
		digits, prefixed := strings.CutPrefix(v.Key, "0x")
		b, err := hex.DecodeString(digits)
		if err != nil || !prefixed || len(b) != len(types.BLSPubkey{}) {
			return fmt.Errorf("%s: validator is %q, want its public key, 0x and 96 hexadecimal digits", v.At, v.Key)
		}
		key := types.BLSPubkey(b)
		if _, twice := s.validators[key]; twice {
			return fmt.Errorf("%s: validator %v is there a second time", v.At, key)
		}
		if s.validators[key], err = readKeySettings(v); err != nil {
			return err
		}
	}
	return nil
}

func readKeySettings(e options.Entry) (k client.KeySettings, err error) {
	list, err := e.Entries()
	if err != nil {
		return k, err
	}
	for _, field := range list {
		text, err := field.Text()
		if err != nil {
			return k, err
		}
		switch field.Key {
		case "fee_recipient":
			account := options.Account()
			var ok bool
			if k.FeeRecipient, ok = account.Parse(text); !ok || text == "" {
				return k, fmt.Errorf("%s: fee_recipient is %q, want %s", field.At, text, account.Want)
			}
		case "graffiti":
			graffiti := options.Graffiti()
			value, ok := graffiti.Parse(text)
			if !ok {
				return k, fmt.Errorf("%s: graffiti is %q, want %s", field.At, text, graffiti.Want)
			}
			k.Graffiti = &value
		default:
			return k, field.Unknown([]string{"fee_recipient", "graffiti"})
		}
	}
	return k, nil
}
