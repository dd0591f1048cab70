@main struct Berth { static func main() {} }
