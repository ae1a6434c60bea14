package params

import (
	"fmt"
	"math"
	"reflect"
)

// Warning is about a key of a config file that is not an error but that the operator should see.
type Warning struct {
	Key    string
	Detail string
}

// String returns key and detail in one line.
func (w Warning) String() string { return w.Key + ": " + w.Detail }

func unknownKey(key string) Warning {
	return Warning{Key: clip(key), Detail: "the specification has no such key, it is ignored"}
}

// Load reads a network's config file. Keys that it lacks are taken from the defaults of its
// PRESET_BASE, see the package's documentation.
//
// Warnings name, each once and in file order, keys that the specification never had, keys whose
// value is derived now and differs from the file's, and forks that the file schedules without
// giving their version. Errors name key and value: wrong types, aliases, keys given twice,
// SLOT_DURATION_MS that disagrees with SECONDS_PER_SLOT, and what Validate refuses.
func Load(config []byte) (*Spec, []Warning, error) {
	entries, err := parseYAML(config)
	if err != nil {
		return nil, nil, err
	}
	given := make(map[string]entry, len(entries))
	for _, e := range entries {
		given[e.key] = e
	}
	base, ok := given["PRESET_BASE"]
	if !ok {
		return nil, nil, fmt.Errorf("PRESET_BASE: missing, must be one of %v", Presets())
	}
	var preset string
	if err := setName(&preset, base); err != nil {
		return nil, nil, err
	}
	s, err := presetDefaults(preset)
	if err != nil {
		return nil, nil, err
	}
	spec, warnings, err := s.override(entries)
	if err != nil {
		return nil, nil, err
	}
	return spec, append(warnings, spec.versionsNotGiven(given)...), nil
}

// Override returns a copy of s in which the keys of config have their values from there. It takes
// the same files and gives the same warnings and errors as Load, but PRESET_BASE may be absent.
func (s *Spec) Override(config []byte) (*Spec, []Warning, error) {
	entries, err := parseYAML(config)
	if err != nil {
		return nil, nil, err
	}
	return s.override(entries)
}

func (s *Spec) override(entries []entry) (*Spec, []Warning, error) {
	spec := *s
	warnings, err := spec.apply(entries)
	if err != nil {
		return nil, nil, err
	}
	if spec.PresetBase != s.PresetBase {
		return nil, nil, fmt.Errorf("PRESET_BASE: %q laid over defaults of preset %q", spec.PresetBase, s.PresetBase)
	}
	if err := spec.Validate(); err != nil {
		return nil, nil, err
	}
	return &spec, warnings, nil
}

// apply stores the entries in s and returns the warnings in their order. s is not yet validated.
func (s *Spec) apply(entries []entry) ([]Warning, error) {
	retired, err := retiredKeys()
	if err != nil {
		return nil, err
	}
	derived := make(map[string]derivedKey)
	for _, d := range derivedKeys() {
		derived[d.key] = d
	}
	fields := s.fieldsByKey()
	inFile := make(map[string][]Warning) // by key, as derived keys are compared only after all are set
	for _, e := range entries {
		field, known := fields[e.key]
		_, isDerived := derived[e.key]
		switch {
		case known:
			if inFile[e.key], err = setField(field, e); err != nil {
				return nil, err
			}
		case isDerived || retired[e.key] || e.key == "SECONDS_PER_SLOT":
		default:
			inFile[e.key] = []Warning{unknownKey(e.key)}
		}
	}
	if err := s.setSlotDuration(entries); err != nil {
		return nil, err
	}
	var warnings []Warning
	for _, e := range entries {
		if d, ok := derived[e.key]; ok {
			if inFile[e.key], err = s.compareDerived(d, e); err != nil {
				return nil, err
			}
		}
		warnings = append(warnings, inFile[e.key]...)
	}
	return warnings, nil
}

// setSlotDuration takes SLOT_DURATION_MS first, else SECONDS_PER_SLOT; where a file has both they
// must agree.
func (s *Spec) setSlotDuration(entries []entry) error {
	var hasMs bool
	var secondsEntry *entry
	for i, e := range entries {
		switch e.key {
		case "SLOT_DURATION_MS":
			hasMs = true
		case "SECONDS_PER_SLOT":
			secondsEntry = &entries[i]
		}
	}
	if secondsEntry == nil {
		return nil
	}
	var seconds uint64
	if err := setNumber(&seconds, *secondsEntry); err != nil {
		return err
	}
	if seconds > math.MaxUint64/1000 {
		return secondsEntry.wrongType("a number of seconds whose milliseconds fit in 64 bits")
	}
	if hasMs && s.SlotDurationMs != seconds*1000 {
		return fmt.Errorf("SLOT_DURATION_MS is %d but SECONDS_PER_SLOT is %d", s.SlotDurationMs, seconds)
	}
	s.SlotDurationMs = seconds * 1000
	return nil
}

// versionsNotGiven warns of forks that a file schedules under a version it does not name: the
// version is then that of the preset's network, and peers will have another.
func (s *Spec) versionsNotGiven(given map[string]entry) []Warning {
	var warnings []Warning
	for f := Altair; f < forkCount; f++ {
		epochKey, versionKey := forkKeys(f)
		_, hasEpoch := given[epochKey]
		_, hasVersion := given[versionKey]
		if hasEpoch && !hasVersion && s.ForkEpoch(f) != FarFutureEpoch {
			warnings = append(warnings, Warning{Key: versionKey, Detail: fmt.Sprintf(
				"missing although %s is %d; %v, the default of preset %s, is used", epochKey, s.ForkEpoch(f), s.ForkVersion(f), s.PresetBase)})
		}
	}
	return warnings
}

// fieldsByKey returns a pointer to every field of s under its key. It is the one reader of the
// struct tags besides Validate.
func (s *Spec) fieldsByKey() map[string]any {
	v := reflect.ValueOf(s).Elem()
	fields := make(map[string]any, v.NumField())
	for i := range v.NumField() {
		fields[v.Type().Field(i).Tag.Get("yaml")] = v.Field(i).Addr().Interface()
	}
	return fields
}
