/// A network link's name as the kernel accepts it: 1 to 15 bytes, not "." or "..", no "/", ":", "%" or white
/// space, nor "all" or "default" (dev_valid_name, dev_prep_valid_name and sysctl_dev_name_is_allowed in the kernel; P-7).
public struct LinkName: Hashable, Sendable, CustomStringConvertible {
    public let description: String

    /// Nil when the kernel would refuse the name.
    public init?(_ text: String) {
        guard LinkName.fault(in: text) == nil else { return nil }
        description = text
    }

    /// What is wrong with a name, as the end of a sentence; nil when the kernel takes it.
    public static func fault(in text: String) -> String? {
        let bytes = text.utf8
        if bytes.isEmpty { return "is empty" }
        if bytes.count > 15 { return "is longer than 15 bytes" }
        if text == "." || text == ".." { return "is . or .." }
        if text == "all" || text == "default" { return "means every link among the kernel's parameters" }
        if bytes.contains(where: {
            $0 == 0x2f || $0 == 0x3a || $0 == 0x20 || (0x09...0x0d).contains($0) || $0 == 0xa0 || $0 == 0
        }) {
            return "contains a /, a : or white space"
        }
        // "br%d" would make br0, br1, … and never be found by its own name.
        if bytes.contains(0x25) { return "contains a %, for which the kernel puts a number" }
        return nil
    }
}
