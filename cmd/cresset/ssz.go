package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/golang/snappy"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cresset/cresset/beacon/params"
	"github.com/cresset/cresset/beacon/ssz"
	"github.com/cresset/cresset/beacon/types"
)

// sszFlags is what every command of "cresset ssz" is told.
type sszFlags struct {
	kind, fork, preset, config, from string
}

func sszCommand() *cobra.Command {
	var f sszFlags
	cmd := &cobra.Command{
		Use:   "ssz",
		Short: "Decode, hash, prove and compare any container of any fork",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	flags := cmd.PersistentFlags()
	flags.StringVar(&f.kind, "type", "", "the container, such as SignedBeaconBlock")
	flags.StringVar(&f.fork, "fork", "", "the fork, phase0 to gloas")
	flags.StringVar(&f.preset, "preset", "mainnet", "the preset: "+strings.Join(params.Presets(), ", "))
	flags.StringVar(&f.config, "network-config", "", "a configuration to take preset and values from, YAML")
	flags.StringVar(&f.from, "from", "", "format of the input: ssz, ssz_snappy or json (default: by the file's name, else ssz)")
	cmd.AddCommand(f.decodeCommand(), f.rootCommand(), f.proveCommand(), f.diffCommand())
	return cmd
}

// context gives the schema's context.
func (f *sszFlags) context(cmd *cobra.Command) (ssz.Context, error) {
	if types.New(f.kind) == nil {
		names := types.Names()
		slices.Sort(names)
		return ssz.Context{}, usageError(fmt.Errorf("--type is %q, want one of %s", f.kind, strings.Join(names, " ")))
	}
	fork, err := params.ParseFork(f.fork)
	if err != nil {
		return ssz.Context{}, usageError(fmt.Errorf("--fork: %w", err))
	}
	if fork > params.Gloas {
		return ssz.Context{}, usageError(fmt.Errorf("--fork is %v, the last one supported is %v", fork, params.Gloas))
	}
	if f.config != "" {
		spec, err := loadSpec(f.config, cmd.InOrStdin(), cmd.ErrOrStderr())
		return ssz.Context{Spec: spec, Fork: fork}, err
	}
	if !slices.Contains(params.Presets(), f.preset) {
		return ssz.Context{}, usageError(fmt.Errorf("--preset is %q, want one of %s", f.preset, strings.Join(params.Presets(), ", ")))
	}
	spec, _, err := params.Load(fmt.Appendf(nil, "PRESET_BASE: %q\n", f.preset))
	return ssz.Context{Spec: spec, Fork: fork}, err
}

// load reads a value.
func (f *sszFlags) load(cmd *cobra.Command, cx ssz.Context, path string) (ssz.Node, string, error) {
	data, err := readInput(path, cmd.InOrStdin())
	if err != nil {
		return nil, "", err
	}
	format := f.from
	if format == "" {
		format = "ssz"
		if filepath.Ext(path) == ".json" {
			format = "json"
		}
	}
	node := ssz.Container(types.New(f.kind))
	switch format {
	case "json":
		err = ssz.UnmarshalJSON(cx, data, node)
	case "ssz_snappy":
		if !strings.HasSuffix(path, "_snappy") {
			if data, err = unpack(data); err != nil {
				return nil, "", inputError(fmt.Errorf("unpack %s: %w", path, err))
			}
		}
		format = "ssz"
		err = ssz.Unmarshal(cx, data, node)
	case "ssz":
		err = ssz.Unmarshal(cx, data, node)
	default:
		return nil, "", usageError(fmt.Errorf("--from is %q, want ssz, ssz_snappy or json", format))
	}
	if err != nil {
		return nil, "", inputError(fmt.Errorf("%s: %w", path, err))
	}
	return node, format, nil
}

// value reads a value together with its context.
func (f *sszFlags) value(cmd *cobra.Command, path string) (cx ssz.Context, node ssz.Node, format string, err error) {
	if cx, err = f.context(cmd); err == nil {
		node, format, err = f.load(cmd, cx, path)
	}
	return cx, node, format, err
}

func (f *sszFlags) decodeCommand() *cobra.Command {
	var to, output string
	cmd := &cobra.Command{
		Use:   "decode FILE",
		Short: "Turn SSZ into JSON, or JSON into SSZ (FILE - is standard input)",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cx, node, format, err := f.value(cmd, args[0])
			if err != nil {
				return err
			}
			if to == "" {
				to = map[string]string{"ssz": "json", "json": "ssz"}[format]
			}
			data, err := encode(cx, node, to)
			if err != nil {
				return err
			}
			if output != "" {
				return os.WriteFile(output, data, 0o644)
			}
			if out, ok := cmd.OutOrStdout().(*os.File); ok && to != "json" && term.IsTerminal(int(out.Fd())) {
				return usageError(errors.New("binary output to a terminal: use --output FILE or a pipe"))
			}
			_, err = cmd.OutOrStdout().Write(data)
			return err
		},
	}
	cmd.Flags().StringVar(&to, "to", "", "format of the output: json, ssz or ssz_snappy (default: the other one)")
	cmd.Flags().StringVar(&output, "output", "", "file to write to (default: standard output)")
	return cmd
}

func encode(cx ssz.Context, node ssz.Node, format string) ([]byte, error) {
	switch format {
	case "json":
		data, err := ssz.MarshalJSON(cx, node)
		return append(data, '\n'), err
	case "ssz":
		return ssz.Marshal(cx, node)
	case "ssz_snappy":
		data, err := ssz.Marshal(cx, node)
		return snappy.Encode(nil, data), err
	}
	return nil, usageError(fmt.Errorf("--to is %q, want json, ssz or ssz_snappy", format))
}

func (f *sszFlags) rootCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "root FILE",
		Short: "Print the hash tree root",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cx, node, _, err := f.value(cmd, args[0])
			if err != nil {
				return err
			}
			root, err := ssz.HashTreeRoot(cx, node)
			if err != nil {
				return inputError(err)
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "0x%x\n", root)
			return err
		},
	}
}

// proofOutput is what "ssz prove" prints. Leaves are in the order asked for, the branch deepest first, helpers by
// decreasing generalized index.
type proofOutput struct {
	Root    string   `json:"root"`
	Indices []uint64 `json:"gindices"`
	Leaves  []string `json:"leaves"`
	Branch  []string `json:"branch,omitempty"`
	Helpers []string `json:"helpers,omitempty"`
}

func (f *sszFlags) proveCommand() *cobra.Command {
	var (
		gindices []uint
		paths    []string
	)
	cmd := &cobra.Command{
		Use:   "prove {--gindex N | --path FIELD/...} [...] FILE",
		Short: "Print a Merkle proof for one place in a value, or a multiproof for several",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(gindices)+len(paths) == 0 {
				return usageError(errors.New("--gindex or --path is missing"))
			}
			cx, node, _, err := f.value(cmd, args[0])
			if err != nil {
				return err
			}
			for _, path := range paths {
				g, err := ssz.GeneralizedIndex(cx, node, strings.Split(path, "/")...)
				if err != nil {
					return usageError(fmt.Errorf("--path %s: %w", path, err))
				}
				gindices = append(gindices, uint(g))
			}
			out, err := prove(cx, node, gindices)
			if err != nil {
				return inputError(err)
			}
			return json.NewEncoder(cmd.OutOrStdout()).Encode(out)
		},
	}
	cmd.Flags().UintSliceVar(&gindices, "gindex", nil, "generalized indices")
	cmd.Flags().StringArrayVar(&paths, "path", nil, "a place by name, such as validators/5/pubkey; may be repeated")
	return cmd
}

func prove(cx ssz.Context, node ssz.Node, gindices []uint) (proofOutput, error) {
	root, err := ssz.HashTreeRoot(cx, node)
	if err != nil {
		return proofOutput{}, err
	}
	out := proofOutput{Root: fmt.Sprintf("0x%x", root)}
	for _, g := range gindices {
		out.Indices = append(out.Indices, uint64(g))
	}
	if len(gindices) == 1 {
		p, err := ssz.Prove(cx, node, out.Indices[0])
		out.Leaves, out.Branch = hexes([][32]byte{p.Leaf}), hexes(p.Branch)
		return out, err
	}
	m, err := ssz.ProveMulti(cx, node, out.Indices)
	out.Leaves, out.Helpers = hexes(m.Leaves), hexes(m.Helpers)
	return out, err
}

func hexes(chunks [][32]byte) []string {
	out := make([]string, len(chunks))
	for i, c := range chunks {
		out[i] = fmt.Sprintf("0x%x", c)
	}
	return out
}

func (f *sszFlags) diffCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "diff FILE FILE",
		Short: "Print where two values differ, a line each; exit code 1 if they do",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var values [2]any
			for i, path := range args {
				cx, node, _, err := f.value(cmd, path)
				if err != nil {
					return err
				}
				text, err := ssz.MarshalJSON(cx, node)
				if err != nil {
					return inputError(err)
				}
				if err := json.Unmarshal(text, &values[i]); err != nil {
					return err
				}
			}
			if diff(cmd.OutOrStdout(), f.kind, values[0], values[1]) == 0 {
				return nil
			}
			return &exitError{exitFailed, errSaid}
		},
	}
}

// diff prints the differences between two JSON values of one schema and returns their number.
func diff(out io.Writer, path string, a, b any) (n int) {
	switch x := a.(type) {
	case map[string]any:
		y, _ := b.(map[string]any)
		keys := make([]string, 0, len(x))
		for key := range x {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		for _, key := range keys {
			n += diff(out, path+"."+key, x[key], y[key])
		}
		return n
	case []any:
		y, _ := b.([]any)
		if len(x) != len(y) {
			fmt.Fprintf(out, "%s: %d elements, %d elements\n", path, len(x), len(y))
			n++
		}
		for i := range min(len(x), len(y)) {
			n += diff(out, fmt.Sprintf("%s[%d]", path, i), x[i], y[i])
		}
		return n
	}
	if a == b {
		return 0
	}
	fmt.Fprintf(out, "%s: %v, %v\n", path, a, b)
	return 1
}
