package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/golang/snappy"

	"github.com/cresset/cresset/beacon/params"
)

// maxFile bounds what is read of one file: a state of eight million validators has one gigabyte.
const maxFile = 1 << 31

// readInput reads a file, or standard input for "-", and unpacks it if its name ends in _snappy.
func readInput(path string, stdin io.Reader) ([]byte, error) {
	r := stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, usageError(err)
		}
		defer f.Close()
		r = f
	}
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(data) > maxFile {
		return nil, inputError(fmt.Errorf("%s has more than %d bytes", path, maxFile))
	}
	if !strings.HasSuffix(path, "_snappy") {
		return data, nil
	}
	unpacked, err := unpack(data)
	if err != nil {
		return nil, inputError(fmt.Errorf("unpack %s: %w", path, err))
	}
	return unpacked, nil
}

// unpack decodes a raw snappy block. Snappy makes at most some 22 bytes of one.
func unpack(packed []byte) ([]byte, error) {
	n, err := snappy.DecodedLen(packed)
	if err != nil {
		return nil, err
	}
	if n > 64*len(packed) || n > maxFile {
		return nil, fmt.Errorf("%d bytes claim to hold %d", len(packed), n)
	}
	return snappy.Decode(nil, packed)
}

// loadSpec reads a network configuration and reports its unknown keys once.
func loadSpec(path string, stdin io.Reader, warn io.Writer) (*params.Spec, error) {
	data, err := readInput(path, stdin)
	if err != nil {
		return nil, err
	}
	spec, warnings, err := params.Load(data)
	if err != nil {
		return nil, inputError(fmt.Errorf("network configuration %s: %w", path, err))
	}
	for _, w := range warnings {
		fmt.Fprintf(warn, "network configuration %s: %v\n", path, w)
	}
	return spec, nil
}
