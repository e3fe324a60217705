module bento

go 1.24.0

require github.com/warpstreamlabs/bento v1.10.0

// The module that it names is no longer to be had under that path.
replace github.com/99designs/keyring => github.com/Jeffail/keyring v1.2.3
