/// Writes commands for the host or, by nsenter (man 1), for the container; a shell reads every word back unchanged.
public struct ShellWriter: Sendable {
    public let namespace: String

    public init(namespace: String) { self.namespace = namespace }

    func ip(_ place: Place, _ arguments: String) -> String { at(place, "ip \(arguments)") }

    func at(_ place: Place, _ command: String) -> String {
        place == .host ? command : "nsenter --net=\(ShellWriter.word(namespace)) \(command)"
    }

    /// An optional parameter is passed over by a kernel that has none of that name.
    func sysctl(_ place: Place, _ path: String, _ value: String, optional: Bool = false) -> String {
        let file = ShellWriter.word("/proc/sys/\(path)")
        // Some shells' echo reads options and backslashes.
        let isPlain = !value.hasPrefix("-") && !value.utf8.contains(UInt8(ascii: "\\"))
        let say = (isPlain ? "echo " : "printf '%s\\n' ") + ShellWriter.word(value)
        let write = (optional ? "[ ! -e \(file) ] || " : "") + "\(say) > \(file)"
        return place == .host ? write : at(place, "sh -c \(ShellWriter.word(write))")
    }

    /// The text as one word of a shell: plain where it can be, else between single quotes.
    public static func word(_ text: some CustomStringConvertible) -> String {
        let text = text.description
        let plain = text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || "-_./:=@%+,".utf8.contains(byte)
        }
        if plain, !text.isEmpty { return text }
        return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
