/// The flags and words of a command, as runc reads them: flags end at the first word.
struct Options {
    private var values: [(name: String, value: String)] = []
    private(set) var words: [String] = []

    /// `valued` take a value, `plain` none; a short name stands after the long one: "bundle,b".
    init(_ arguments: [String], valued: [String], plain: [String], verb: String) throws(OCIError) {
        var index = 0
        while index < arguments.count {
            let argument = arguments[index]
            guard argument.utf8.first == UInt8(ascii: "-"), argument != "-" else { break }
            index += 1
            if argument == "--" { break }
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let name = String(parts[0].drop { $0 == "-" })
            if let long = Options.long(name, plain) {
                values.append((long, parts.count > 1 ? parts[1] : "true"))
            } else if let long = Options.long(name, valued) {
                if parts.count > 1 {
                    values.append((long, parts[1]))
                } else {
                    guard index < arguments.count else { throw OCIError("\(verb): \(argument) needs a value") }
                    values.append((long, arguments[index]))
                    index += 1
                }
            } else {
                throw OCIError("\(verb): there is no flag \(argument): see berth-oci --help")
            }
        }
        words = Array(arguments[index...])
    }

    private static func long(_ name: String, _ flags: [String]) -> String? {
        for flag in flags {
            let names = flag.split(separator: ",").map(String.init)
            if names.contains(name) { return names[0] }
        }
        return nil
    }

    func value(_ name: String) -> String? { values.last { $0.name == name }?.value }
    func all(_ name: String) -> [String] { values.filter { $0.name == name }.map(\.value) }
    func has(_ name: String) -> Bool { value(name).map { $0 != "false" } ?? false }

    func number(_ name: String) throws(OCIError) -> Int? {
        guard let text = value(name) else { return nil }
        guard let number = Int(text) else { throw OCIError("--\(name) is \(text): it must be a number") }
        return number
    }
}
