package serve

// CgroupLimit is cgroupLimit.
var CgroupLimit = cgroupLimit
