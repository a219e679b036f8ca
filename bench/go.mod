module weensydb/bench

go 1.26.0

replace weensydb => ..
