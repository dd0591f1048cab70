@main struct BerthCore { static func main() {} }
