NUMBER = "1"
NAME = "juniper-3"
