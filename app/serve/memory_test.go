package serve_test

import (
	"testing"
	"testing/fstest"

	"dashd/app/serve"
)

func TestCgroupLimit(t *testing.T) {
	for name, tt := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"none":      {map[string]string{}, 0},
		"no limit":  {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}, 0},
		"container": {map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "536870912\n"}, 512 << 20},
		"container that sees the path outside": {map[string]string{
			"proc/self/cgroup": "0::/../../x\n", "sys/fs/cgroup/memory.max": "536870912\n"}, 512 << 20},
		"unit": {map[string]string{"proc/self/cgroup": "0::/system.slice/dashd.service\n",
			"sys/fs/cgroup/system.slice/dashd.service/memory.max": "1000\n", "sys/fs/cgroup/system.slice/memory.max": "max\n"}, 1000},
		"least of all": {map[string]string{"proc/self/cgroup": "0::/system.slice/dashd.service\n",
			"sys/fs/cgroup/system.slice/dashd.service/memory.max": "1000\n", "sys/fs/cgroup/system.slice/memory.max": "900\n"}, 900},
		"version 1": {map[string]string{"proc/self/cgroup": "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n1:name=systemd:/y\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "2000\n"}, 2000},
		"version 1 without a limit": {map[string]string{"proc/self/cgroup": "4:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		"nonsense": {map[string]string{"proc/self/cgroup": "x\n0::/\n", "sys/fs/cgroup/memory.max": "-5\n"}, 0},
		"more than a number": {map[string]string{"proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "99999999999999999999\n"}, 0},
	} {
		root := fstest.MapFS{}
		for path, text := range tt.files {
			root[path] = &fstest.MapFile{Data: []byte(text)}
		}
		if got := serve.CgroupLimit(root); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}
