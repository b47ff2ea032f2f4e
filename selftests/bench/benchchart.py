def chart(result):
    return ""
