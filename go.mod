module dashd

go 1.26
