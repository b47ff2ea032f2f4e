def check(result, writer):
    pass
