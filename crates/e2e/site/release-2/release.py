NUMBER = "2"
NAME = "koa-4"
