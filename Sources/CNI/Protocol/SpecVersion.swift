// The numbers keep their underscores: v1_1_0 is 1.1.0, and v110 would not say so.
// swift-format-ignore: AlwaysUseLowerCamelCase
/// A version of the CNI specification that berth speaks.
public enum SpecVersion: String, CaseIterable, Comparable, Sendable, CustomStringConvertible {
    case v0_1_0 = "0.1.0"
    case v0_2_0 = "0.2.0"
    case v0_3_0 = "0.3.0"
    case v0_3_1 = "0.3.1"
    case v0_4_0 = "0.4.0"
    case v1_0_0 = "1.0.0"
    case v1_1_0 = "1.1.0"

    public static let latest = SpecVersion.v1_1_0

    public var description: String { rawValue }

    private var position: Int {
        switch self {
        case .v0_1_0: 0
        case .v0_2_0: 1
        case .v0_3_0: 2
        case .v0_3_1: 3
        case .v0_4_0: 4
        case .v1_0_0: 5
        case .v1_1_0: 6
        }
    }

    public static func < (left: SpecVersion, right: SpecVersion) -> Bool { left.position < right.position }

    /// Whether `text` is one to three numbers with dots between them, known to us or not.
    static func isVersion(_ text: String) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count <= 3 else { return false }
        return parts.allSatisfy { part in
            (1...9).contains(part.count) && part.allSatisfy { (0x30...0x39).contains($0) }
        }
    }

    /// The error for a version that is none of `supported` (P-11).
    static func incompatible(_ text: String, supported: [SpecVersion]) -> CNIError {
        CNIError(
            .incompatibleVersion, "incompatible CNI versions",
            details: "config is \"\(text)\", plugin supports "
                + "[" + supported.map { "\"\($0)\"" }.joined(by: ",") + "]")
    }
}
