package params

import (
	"bytes"
	"fmt"
	"math/big"
	"strings"
	"testing"
)

// load is Load of a file that must be accepted.
func load(t *testing.T, config string) (*Spec, []Warning) {
	t.Helper()
	s, warnings, err := Load([]byte(config))
	if err != nil {
		t.Fatalf("load %q: %v", clip(config), err)
	}
	return s, warnings
}

// refuse is Load of a file that must be refused with an error that has all the parts.
func refuse(t *testing.T, config string, parts ...string) {
	t.Helper()
	_, _, err := Load([]byte(config))
	if err == nil {
		t.Errorf("load %q: accepted, want an error with %q", clip(config), parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("load %q: error %q lacks %q", clip(config), err, part)
		}
	}
}

func TestMissingKeysTakeTheDefaultsOfThePreset(t *testing.T) {
	mainnet, warnings := load(t, "PRESET_BASE: mainnet")
	if len(warnings) > 0 || mainnet.SlotsPerEpoch != 32 || mainnet.AltairForkEpoch != 74240 || mainnet.SlotDurationMs != 12000 {
		t.Errorf("mainnet: %d slots an epoch, altair at %d, %d ms a slot, warnings %v",
			mainnet.SlotsPerEpoch, mainnet.AltairForkEpoch, mainnet.SlotDurationMs, warnings)
	}
	minimal, _ := load(t, "PRESET_BASE: 'minimal'")
	if minimal.SlotsPerEpoch != 8 || minimal.AltairForkEpoch != FarFutureEpoch || minimal.SlotDurationMs != 6000 {
		t.Errorf("minimal: %d slots an epoch, altair at %d, %d ms a slot", minimal.SlotsPerEpoch, minimal.AltairForkEpoch, minimal.SlotDurationMs)
	}
	gnosis, _ := load(t, `PRESET_BASE: "gnosis"`)
	if gnosis.SlotsPerEpoch != 16 || gnosis.AltairForkEpoch != 512 || gnosis.SlotDurationMs != 5000 {
		t.Errorf("gnosis: %d slots an epoch, altair at %d, %d ms a slot", gnosis.SlotsPerEpoch, gnosis.AltairForkEpoch, gnosis.SlotDurationMs)
	}
	if gnosis.InclusionListDueBPS != 6667 || gnosis.InclusionListCommitteeSize != 16 || gnosis.MaxBuilderExitRequestsPerPayload != 16 {
		t.Error("gnosis: keys that it does not publish are not mainnet's")
	}
	chiado, err := ByName("chiado")
	if err != nil {
		t.Fatal(err)
	}
	if chiado.MaxRequestPayloads != 128 || chiado.ChurnLimitQuotient != 4096 {
		t.Errorf("chiado: MAX_REQUEST_PAYLOADS %d, CHURN_LIMIT_QUOTIENT %d", chiado.MaxRequestPayloads, chiado.ChurnLimitQuotient)
	}
}

func TestThePresetMustBeKnown(t *testing.T) {
	refuse(t, "CONFIG_NAME: devnet", "PRESET_BASE", "missing")
	refuse(t, "PRESET_BASE: large", "PRESET_BASE", `"large"`, "minimal")
	refuse(t, "PRESET_BASE: [mainnet]", "PRESET_BASE", "a list")
	refuse(t, "PRESET_BASE: ../configs", "PRESET_BASE", `"../configs"`)
}

func TestPresetKeysInAConfigReplaceThePreset(t *testing.T) {
	s, warnings := load(t, "PRESET_BASE: minimal\nSLOTS_PER_EPOCH: 16\nMAX_WITHDRAWALS_PER_PAYLOAD: 8\n")
	if s.SlotsPerEpoch != 16 || s.MaxWithdrawalsPerPayload != 8 || s.PresetBase != "minimal" || len(warnings) > 0 {
		t.Errorf("SLOTS_PER_EPOCH %d, MAX_WITHDRAWALS_PER_PAYLOAD %d, warnings %v", s.SlotsPerEpoch, s.MaxWithdrawalsPerPayload, warnings)
	}
}

func TestUnknownKeysAreReportedOnceAndDoNotFail(t *testing.T) {
	_, warnings := load(t, `
PRESET_BASE: mainnet
GAS_LIMIT_SCHEDULE:
  - EPOCH: 1566
    GAS_LIMIT: 200000000
MY_KEY: {a: [1, 2]}
BLOB_SCHEDULE:
  - EPOCH: 500000
    MAX_BLOBS_PER_BLOCK: 12
    TARGET_BLOBS_PER_BLOCK: 6
lower_case:
`)
	var keys []string
	for _, w := range warnings {
		keys = append(keys, w.Key)
		if !strings.HasPrefix(w.String(), w.Key+": ") || !strings.Contains(w.Detail, "ignored") {
			t.Errorf("warning %q", w)
		}
	}
	want := "[GAS_LIMIT_SCHEDULE MY_KEY BLOB_SCHEDULE[0].TARGET_BLOBS_PER_BLOCK lower_case]"
	if fmt.Sprint(keys) != want {
		t.Errorf("warnings about %v, want %s", keys, want)
	}
}

func TestKeysOfThePastAreAcceptedInSilence(t *testing.T) {
	config := "PRESET_BASE: mainnet\n"
	for _, key := range []string{
		"INTERVALS_PER_SLOT", "TTFB_TIMEOUT", "RESP_TIMEOUT", "SAFE_SLOTS_TO_UPDATE_JUSTIFIED", "MAX_BLOBS_PER_BLOCK_FULU",
		"EIP7594_FORK_EPOCH", "EIP7594_FORK_VERSION", "EIP7732_FORK_EPOCH", "RANDOM_SUBNETS_PER_VALIDATOR",
		"EPOCHS_PER_RANDOM_SUBNET_SUBSCRIPTION", "MERGE_FORK_EPOCH", "SHARDING_FORK_EPOCH", "BUILDER_REGISTRY_LIMIT",
		"MAX_REQUEST_BLOB_SIDECARS_FULU", "TARGET_BLOBS_PER_BLOCK_ELECTRA", "VIEW_FREEZE_DEADLINE", "TRANSITION_TOTAL_DIFFICULTY",
	} {
		config += key + ": 3\n"
	}
	if _, warnings := load(t, config); len(warnings) > 0 {
		t.Errorf("warnings %v", warnings)
	}
}

func TestKeysThatAreDerivedNowAreCompared(t *testing.T) {
	right := `
PRESET_BASE: mainnet
MIN_EPOCHS_FOR_BLOCK_REQUESTS: 33024
ATTESTATION_SUBNET_PREFIX_BITS: 6
MAX_REQUEST_BLOB_SIDECARS: 768
MAX_REQUEST_BLOB_SIDECARS_ELECTRA: 1152
MAX_REQUEST_DATA_COLUMN_SIDECARS: 16384
MAX_CHUNK_SIZE: 10485760
GOSSIP_MAX_SIZE: 10485760
`
	if _, warnings := load(t, right); len(warnings) > 0 {
		t.Errorf("values that agree give warnings %v", warnings)
	}
	for _, d := range derivedKeys() {
		config := fmt.Sprintf("%s: 7\nPRESET_BASE: mainnet\n", d.key)
		s, warnings := load(t, config)
		if len(warnings) != 1 || warnings[0].Key != d.key ||
			!strings.Contains(warnings[0].Detail, "7 in the file") || !strings.Contains(warnings[0].Detail, fmt.Sprint(d.value(s))) {
			t.Errorf("%s: 7 gives warnings %v, want one with 7 and %d", d.key, warnings, d.value(s))
		}
		refuse(t, "PRESET_BASE: mainnet\n"+d.key+": many\n", d.key, `"many"`)
	}
	// The comparison is with the file's other keys, also with those further down.
	_, warnings := load(t, "PRESET_BASE: mainnet\nMIN_EPOCHS_FOR_BLOCK_REQUESTS: 272\nCHURN_LIMIT_QUOTIENT: 32\n")
	if len(warnings) > 0 {
		t.Errorf("warnings %v", warnings)
	}
}

// Gnosis and Chiado give two values that the specification's rules do not.
func TestWhatTheBuiltInConfigsWarnOf(t *testing.T) {
	want := map[string]string{
		"mainnet":     "[GAS_LIMIT_SCHEDULE]",
		"plataberget": "[GAS_LIMIT_SCHEDULE]",
		"sepolia":     "[]",
		"hoodi":       "[]",
		"gnosis":      "[MIN_EPOCHS_FOR_BLOCK_REQUESTS MAX_REQUEST_BLOB_SIDECARS]",
		"chiado":      "[MIN_EPOCHS_FOR_BLOCK_REQUESTS MAX_REQUEST_BLOB_SIDECARS]",
	}
	for _, name := range Networks() {
		file, err := data.ReadFile("data/networks/" + name + "/config.yaml")
		if err != nil {
			t.Fatal(err)
		}
		_, warnings := load(t, string(file))
		keys := []string{}
		for _, w := range warnings {
			keys = append(keys, w.Key)
		}
		if fmt.Sprint(keys) != want[name] {
			t.Errorf("%s: warnings %v, want %s", name, warnings, want[name])
		}
	}
}

func TestSlotDurationComesFirstAndSecondsMustAgree(t *testing.T) {
	for _, c := range []struct {
		keys string
		want uint64
	}{
		{"SLOT_DURATION_MS: 4500", 4500},
		{"SECONDS_PER_SLOT: 4", 4000},
		{"SLOT_DURATION_MS: 4000\nSECONDS_PER_SLOT: 4", 4000},
		{"SECONDS_PER_SLOT: 4\nSLOT_DURATION_MS: 4000", 4000},
		{"CONFIG_NAME: x", 12000},
	} {
		if s, warnings := load(t, "PRESET_BASE: mainnet\n"+c.keys); s.SlotDurationMs != c.want || len(warnings) > 0 {
			t.Errorf("%q: %d ms, want %d; warnings %v", c.keys, s.SlotDurationMs, c.want, warnings)
		}
	}
	refuse(t, "PRESET_BASE: mainnet\nSLOT_DURATION_MS: 4500\nSECONDS_PER_SLOT: 4", "SLOT_DURATION_MS is 4500", "SECONDS_PER_SLOT is 4")
	refuse(t, "PRESET_BASE: mainnet\nSLOT_DURATION_MS: 12000\nSECONDS_PER_SLOT: 6", "SLOT_DURATION_MS is 12000", "SECONDS_PER_SLOT is 6")
	refuse(t, "PRESET_BASE: mainnet\nSECONDS_PER_SLOT: twelve", "SECONDS_PER_SLOT", `"twelve"`)
	refuse(t, "PRESET_BASE: mainnet\nSECONDS_PER_SLOT: 18446744073709552", "SECONDS_PER_SLOT", "18446744073709552")
	refuse(t, "PRESET_BASE: mainnet\nSECONDS_PER_SLOT: 0", "SLOT_DURATION_MS", "0")
}

func TestWrongTypesNameKeyAndValue(t *testing.T) {
	for key, values := range map[string][]string{
		"SLOTS_PER_EPOCH":             {"-1", "1.5", "0x20", "18446744073709551616", "010", "1_000", "", "~", "true", "[32]", "{a: 1}", "'3 2'", "+3"},
		"GLOAS_FORK_EPOCH":            {"never", "-1"},
		"EJECTION_BALANCE":            {"16e9"},
		"UPDATE_TIMEOUT":              {"8192s"},
		"GENESIS_FORK_VERSION":        {"0", "00000000", "0x000000", "0x0000000000", "0x0000000g", "[0]", "0X00000000"},
		"MESSAGE_DOMAIN_VALID_SNAPPY": {"1"},
		"TERMINAL_BLOCK_HASH":         {"0x00"},
		"DEPOSIT_CONTRACT_ADDRESS":    {"0x00000000219ab540356cBB839Cbe05303d7705F"},
		"TERMINAL_TOTAL_DIFFICULTY":   {"-5", "0x10", "115792089237316195423570985008687907853269984665640564039457584007913129639936", "[]"},
		"CONFIG_NAME":                 {"", "'two words'", "[a]", strings.Repeat("n", 65)},
		"BLOB_SCHEDULE":               {"5", "{EPOCH: 1, MAX_BLOBS_PER_BLOCK: 2}", "[5]", "", "[[]]"},
	} {
		for _, value := range values {
			quoted := strings.Trim(value, "'")
			switch {
			case strings.HasPrefix(value, "[[") || value == "[5]":
				quoted = "BLOB_SCHEDULE[0]"
			case strings.HasPrefix(value, "["):
				quoted = "a list"
			case strings.HasPrefix(value, "{"):
				quoted = "a mapping"
			}
			refuse(t, "PRESET_BASE: mainnet\n"+key+": "+value, key, quoted)
		}
	}
	refuse(t, "PRESET_BASE: mainnet\nBLOB_SCHEDULE: [{EPOCH: 500000}]", "BLOB_SCHEDULE[0]", "MAX_BLOBS_PER_BLOCK is missing")
	refuse(t, "PRESET_BASE: mainnet\nBLOB_SCHEDULE: [{MAX_BLOBS_PER_BLOCK: 1}]", "BLOB_SCHEDULE[0]", "EPOCH is missing")
	refuse(t, "PRESET_BASE: mainnet\nBLOB_SCHEDULE: [{EPOCH: x, MAX_BLOBS_PER_BLOCK: 1}]", "BLOB_SCHEDULE[0].EPOCH", `"x"`)
	refuse(t, "PRESET_BASE: mainnet\nBLOB_SCHEDULE: [{EPOCH: 500000, EPOCH: 1}]", "EPOCH", "given twice")
}

func TestQuotedNumbersAndTheLargestValuesAreRead(t *testing.T) {
	most := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)).String()
	s, _ := load(t, `
PRESET_BASE: mainnet
GLOAS_FORK_EPOCH: "18446744073709551615"
MIN_GENESIS_TIME: '0'
TERMINAL_TOTAL_DIFFICULTY: `+most+`
DEPOSIT_CONTRACT_ADDRESS: 0xABCDEFabcdef00000000000000000000000000Ff # mixed case
`)
	if s.GloasForkEpoch != FarFutureEpoch || s.MinGenesisTime != 0 || s.TerminalTotalDifficulty.String() != most {
		t.Errorf("GLOAS_FORK_EPOCH %d, MIN_GENESIS_TIME %d, TERMINAL_TOTAL_DIFFICULTY %v", s.GloasForkEpoch, s.MinGenesisTime, s.TerminalTotalDifficulty)
	}
	if got := s.DepositContractAddress.String(); got != "0xabcdefabcdef00000000000000000000000000ff" {
		t.Errorf("DEPOSIT_CONTRACT_ADDRESS %s", got)
	}
}

func TestABlobScheduleInAnyOrderIsSorted(t *testing.T) {
	s, _ := load(t, `
PRESET_BASE: mainnet
BLOB_SCHEDULE:
  - MAX_BLOBS_PER_BLOCK: 21
    EPOCH: 500001
  - EPOCH: 500000
    MAX_BLOBS_PER_BLOCK: 15
`)
	if fmt.Sprint(s.BlobSchedule) != "[{500000 15} {500001 21}]" {
		t.Errorf("blob schedule %v", s.BlobSchedule)
	}
}

func TestHostileFilesAreRefused(t *testing.T) {
	refuse(t, "", "empty")
	refuse(t, "# only a comment\n", "empty")
	refuse(t, "[PRESET_BASE]", "config", "a list")
	refuse(t, "mainnet", "config", `"mainnet"`)
	refuse(t, "PRESET_BASE: mainnet\nSLOTS_PER_EPOCH: 32\nSLOTS_PER_EPOCH: 16\n", "SLOTS_PER_EPOCH", "given twice", "2 and 3")
	refuse(t, "PRESET_BASE: mainnet\nX: 1\nX: 1\n", "X", "given twice")
	refuse(t, "PRESET_BASE: mainnet\nSECONDS_PER_SLOT: 12\nSECONDS_PER_SLOT: 12\n", "SECONDS_PER_SLOT", "given twice")
	refuse(t, "PRESET_BASE: mainnet\nX: &a 1\nY: *a\n", "alias", "line 3")
	refuse(t, "PRESET_BASE: &a mainnet\n<<: {X: [*a]}\n", "alias")
	refuse(t, "PRESET_BASE: mainnet\n---\nPRESET_BASE: minimal\n", "second document")
	refuse(t, "PRESET_BASE: mainnet\n? [a]\n: b\n", "line 2")
	refuse(t, "PRESET_BASE: mainnet\n\tX: 1\n", "parse config")
	refuse(t, "PRESET_BASE: \xff\xfe\xfd", "parse config")
	refuse(t, "PRESET_BASE: mainnet\n#"+strings.Repeat("x", MaxConfigSize), "1048598", "1048576")
	refuse(t, "PRESET_BASE: mainnet\nX: "+strings.Repeat("[", 2000), "to parse")
	refuse(t, strings.Repeat("- ", 2000), "to parse")
	refuse(t, "PRESET_BASE: mainnet\nCONFIG_NAME: "+strings.Repeat("x", 5000), "CONFIG_NAME", strings.Repeat("x", 80)+"...")
}

func TestErrorsDoNotRepeatLongInput(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	key := strings.Repeat("x", 1000) // YAML has no longer ones in one line
	for _, config := range []string{
		"PRESET_BASE: " + long, "PRESET_BASE: mainnet\nSLOTS_PER_EPOCH: " + long, long, "*" + long,
		"PRESET_BASE: mainnet\n" + key + ": 1\n" + key + ": 2\n", "PRESET_BASE: mainnet\nX: *" + long,
		"PRESET_BASE: mainnet\nBLOB_SCHEDULE: [{" + key + ": 1}]",
	} {
		_, _, err := Load([]byte(config))
		if err == nil || len(err.Error()) > 400 {
			t.Errorf("load %q: error %.500q", clip(config), fmt.Sprint(err))
		}
	}
	_, warnings := load(t, "PRESET_BASE: mainnet\n"+key+": 1\n")
	if len(warnings) != 1 || len(warnings[0].String()) > 400 {
		t.Errorf("warnings %.500q", fmt.Sprint(warnings))
	}
}

func TestAScheduledForkWithoutVersionIsReported(t *testing.T) {
	config := "PRESET_BASE: mainnet\nGLOAS_FORK_EPOCH: 500000\nHEZE_FORK_EPOCH: 18446744073709551615\n"
	_, warnings := load(t, config)
	if len(warnings) != 1 || warnings[0].Key != "GLOAS_FORK_VERSION" || !strings.Contains(warnings[0].Detail, "0x07000000") {
		t.Errorf("warnings %v, want one about GLOAS_FORK_VERSION", warnings)
	}
	if _, warnings := load(t, config+"GLOAS_FORK_VERSION: 0x70000910\n"); len(warnings) > 0 {
		t.Errorf("warnings %v", warnings)
	}
}

func TestOverrideChangesOnlyItsKeysAndLeavesTheSpecAlone(t *testing.T) {
	hoodi, err := ByName("hoodi")
	if err != nil {
		t.Fatal(err)
	}
	before := specText(hoodi)
	s, warnings, err := hoodi.Override([]byte("GLOAS_FORK_EPOCH: 60000\nGLOAS_FORK_VERSION: 0x80000910\nBLOB_SCHEDULE: []\n"))
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	changed := map[string]string{"GLOAS_FORK_EPOCH": "60000", "GLOAS_FORK_VERSION": "0x80000910", "BLOB_SCHEDULE": "[]"}
	for key, got := range specText(s) {
		want, ok := changed[key]
		if !ok {
			want = before[key]
		}
		if got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
	for key, got := range specText(hoodi) {
		if got != before[key] {
			t.Errorf("the spec's own %s became %s", key, got)
		}
	}
	if _, _, err := hoodi.Override([]byte("PRESET_BASE: minimal")); err == nil || !strings.Contains(err.Error(), `"minimal"`) {
		t.Errorf("another preset laid over a spec: %v", err)
	}
	if _, _, err := hoodi.Override([]byte("GLOAS_FORK_EPOCH: 5")); err == nil || !strings.Contains(err.Error(), "GLOAS_FORK_EPOCH: 5") {
		t.Errorf("gloas before fulu: %v", err)
	}
}

// TestTheWholeConfigWithCommentsIsFarFromTheLimits loads everything that the specification has in one
// file, as a development network's tool may write it.
func TestTheWholeConfigWithCommentsIsFarFromTheLimits(t *testing.T) {
	var all bytes.Buffer
	for _, path := range append(embeddedFiles(t, "data/presets/mainnet/*.yaml"), "data/configs/mainnet.yaml") {
		file, err := data.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(file)
	}
	if cost := parseCost(all.Bytes()); cost > maxParseCost*3/4 {
		t.Errorf("it costs %d of %d", cost, maxParseCost)
	}
	s, warnings := load(t, all.String())
	if len(warnings) > 0 || s.ConfigName != "mainnet" {
		t.Errorf("warnings %v", warnings)
	}
}
