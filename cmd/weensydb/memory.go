package main

import (
	"fmt"
	"os"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/docker/go-units"

	"weensydb"
)

// usableMemory is what the process may use, in bytes: the machine's memory, or
// its control group's limit if that is lower. 0 if neither can be told.
func usableMemory() int64 {
	machine, err := memlimit.FromSystem()
	if err != nil {
		machine = 0
	}
	group, err := memlimit.FromCgroup()
	if err == nil && (machine == 0 || group < machine) {
		machine = group
	}
	return int64(machine)
}

// defaultMemory is half of it. The other half is the collector's, which lets
// the heap grow before it runs, and the operating system's buffers'.
func defaultMemory(usable int64) int64 {
	const unknown = 1 << 30 // bytes; modest for any machine of today
	if usable == 0 {
		usable = unknown
	}
	return max(usable/2, weensydb.MinMemory)
}

// collectorLimit is where the collector begins to work harder rather than let
// the process be killed. 0, for no limit, if the operator has set his own.
func collectorLimit(usable int64) int64 {
	if os.Getenv("GOMEMLIMIT") != "" {
		return 0
	}
	return usable / 10 * 9
}

// warn collects what an operator should know although it is no mistake.
func (o *options) warn(usable int64) {
	if usable > 0 && o.config.Memory > usable/4*3 {
		o.warnings = append(o.warnings, fmt.Sprintf("--memory %s is more than three quarters of the %s that the process may use",
			units.BytesSize(float64(o.config.Memory)), units.BytesSize(float64(usable))))
	}
}
