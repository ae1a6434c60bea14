// Package params holds the numbers of a chain: presets, network configs, constants, the ordered
// Fork enum and the schedule of forks and blob limits, with the fork digests that follow from it.
//
// Layer 0. It imports the standard library and a YAML parser, and every other package may import
// it.
//
// A Spec is a plain struct that is passed, never a global. It is made by Load, ByName or Network,
// is not changed afterwards and so may be read from any goroutine without a lock. The package keeps
// no state; every call reads the embedded files anew, so callers make one Spec and keep it.
//
// A config file is laid over defaults. For the presets mainnet and minimal they are the
// specification's preset files and the config of the same name; for gnosis they are those of
// mainnet, then gnosis's own preset files, then the config of the gnosis network. Preset keys in a
// config file replace the preset's value.
//
// Specification: the constants, preset and configuration tables of every fork's documents; fork.md
// and p2p-interface.md (compute_fork_version, compute_max_request_blob_sidecars and the like);
// beacon-chain.md (compute_fork_data_root, compute_fork_digest, get_blob_parameters).
package params
