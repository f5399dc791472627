package serve

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// networkDisks are the magic numbers of file systems that are not on a disk of
// this machine.
var networkDisks = map[uint32]string{
	0x6969:     "NFS",
	0x517B:     "SMB",
	0xFE534D42: "SMB",
	0xFF534D42: "SMB", // CIFS
	0x65735546: "FUSE",
	0x01021997: "9P",
	0x00C36400: "Ceph",
	0x5346414F: "AFS",
}

// diskKind tells what a directory is on: the name of a file system that is not
// on a disk of this machine, and whether it is an SD card.
func diskKind(dir string) (network string, card bool) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return "", false
	}
	var file syscall.Stat_t
	if err := syscall.Stat(dir, &file); err == nil {
		dev := uint64(file.Dev)
		major, minor := dev>>8&0xfff|dev>>32&^0xfff, dev&0xff|dev>>12&^0xff
		link, err := os.Readlink(fmt.Sprintf("/sys/dev/block/%d:%d", major, uint32(minor)))
		card = err == nil && strings.Contains(link, "/mmcblk")
	}
	return networkDisks[uint32(stat.Type)], card
}
