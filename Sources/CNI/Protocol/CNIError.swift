import JSON
import NetCore

/// What a plugin answers instead of a result (SPEC section 5).
public struct CNIError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A `CNIErrorCode`, or a number that only a foreign plugin knows.
    public var code: Int
    public var message: String
    public var details: String?
    /// The configuration's version, once it is known: what the answer is marked with.
    public var version: SpecVersion?

    public init(_ code: CNIErrorCode, _ message: String, details: String? = nil) {
        self.code = code.rawValue
        self.message = message
        self.details = details
    }

    /// What the kernel said, under `code`.
    public init(code: CNIErrorCode = .inputOutput, _ error: KernelError) {
        self.init(code, error.description)
    }

    /// All that went wrong, under `code`.
    public init(code: CNIErrorCode = .inputOutput, _ failures: Failures) {
        self.init(code, failures.description)
    }

    /// The error object that a plugin printed; nil when `json` is none (no number under "code").
    public init?(decoding json: JSON) {
        guard let code = json["code"]?.integer else { return nil }
        self.code = Int(code)
        message = json["msg"]?.string ?? ""
        details = json["details"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        version = json["cniVersion"]?.string.flatMap(SpecVersion.init(rawValue:))
    }

    /// `{cniVersion, code, msg, details}`; details are left out when there are none (P-15).
    public func json(version: SpecVersion) -> JSON {
        var object: JSONObject = [
            "cniVersion": .string(version.rawValue), "code": .integer(Int64(code)), "msg": .string(message),
        ]
        if let details { object["details"] = .string(details) }
        return .object(object)
    }

    public var description: String { message + (details.map { "; \($0)" } ?? "") + " (code \(code))" }
}
