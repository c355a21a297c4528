module freshframe/bench/gortsplib

go 1.26.0

require (
	github.com/bluenviron/gortsplib/v5 v5.6.4
	github.com/pion/rtp v1.10.5
)
