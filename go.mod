module weensydb

go 1.26
