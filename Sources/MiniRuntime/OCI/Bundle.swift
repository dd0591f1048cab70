import Glibc
import JSON
import NetCore

/// A bundle's `config.json`, read and judged (OCI runtime specification 1.0 to 1.2).
public struct BundleSpec: Hashable, Sendable {
    public var version: String
    public var process: ProcessSpec?
    /// Absolute.
    public var root: String
    public var isRootReadOnly = false
    public var hostname: String?
    public var domainName: String?
    public var mounts: [MountSpec] = []
    public var hooks = HooksSpec()
    public var linux = LinuxSpec()
    public var annotations = JSONObject()

    public static let newest = "1.2.0"

    /// What the text asks for; `bundle` is the absolute path that relative ones begin at.
    public init(parsing text: [UInt8], bundle: String) throws(OCIError) {
        let document = try BundleSpec.document(text)
        try self.init(Fields(document), bundle: bundle)
    }

    static func document(_ text: [UInt8]) throws(OCIError) -> JSONObject {
        let value: JSON
        do throws(JSONError) {
            value = try JSON(parsing: BundleSpec.signed(text))
        } catch {
            throw OCIError("config.json: \(error)")
        }
        guard let object = value.object else {
            throw OCIError("config.json is no object: it must be an OCI runtime configuration")
        }
        return object
    }

    init(_ fields: Fields, bundle: String) throws(OCIError) {
        version = try fields.required("ociVersion")
        guard BundleSpec.isServed(version) else {
            throw OCIError(
                "config.json: ociVersion is \(version): versions 1.0.0 to \(BundleSpec.newest) are supported")
        }
        guard let rootFields = try fields.fields("root") else {
            throw OCIError("config.json: root is missing: name the directory of the container's root file system")
        }
        let path = try rootFields.required("path")
        root = path.utf8.first == UInt8(ascii: "/") ? path : "\(bundle)/\(path)"
        isRootReadOnly = try rootFields.bool("readonly") ?? false
        if let one = try fields.fields("process") { process = try ProcessSpec(one) }
        hostname = try fields.string("hostname").flatMap { $0.isEmpty ? nil : $0 }
        domainName = try fields.string("domainname").flatMap { $0.isEmpty ? nil : $0 }
        for one in try fields.list("mounts") { mounts.append(try MountSpec(one)) }
        if let one = try fields.fields("hooks") { hooks = try HooksSpec(one) }
        if let one = try fields.fields("linux") { linux = try LinuxSpec(one) }
        annotations = try fields.fields("annotations")?.object ?? JSONObject()
        for key in ["vm", "windows", "solaris", "zos", "freebsd"] where fields.value(key) != nil {
            throw OCIError("config.json: \(key) is for another platform than Linux: leave it out")
        }
        if hostname != nil && !linux.has(.names) {
            throw OCIError("config.json: a hostname needs a uts namespace: add one to linux.namespaces")
        }
        if !mounts.isEmpty && !linux.has(.mount) {
            throw OCIError("config.json: mounts need a mount namespace: add one to linux.namespaces")
        }
    }

    private static func isServed(_ version: String) -> Bool {
        let numbers = version.prefix { $0 != "-" && $0 != "+" }.split(separator: ".", omittingEmptySubsequences: false)
            .map { Int($0) }
        guard numbers.count == 3, numbers[0] == 1, let minor = numbers[1], numbers[2] != nil else { return false }
        return minor <= 2
    }

    /// 18446744073709551615, which the specification takes for "no limit", written as -1: JSON values here have 63 bits.
    private static func signed(_ text: [UInt8]) -> [UInt8] {
        let unlimited = Array("18446744073709551615".utf8)
        var found: [Int] = []
        var isText = false
        var index = 0
        while index < text.count {
            let byte = text[index]
            if isText {
                if byte == UInt8(ascii: "\\") { index += 1 } else if byte == UInt8(ascii: "\"") { isText = false }
            } else if byte == UInt8(ascii: "\"") {
                isText = true
            } else if byte == unlimited[0], text.count - index >= unlimited.count,
                text[index..<(index + unlimited.count)].elementsEqual(unlimited)
            {
                found.append(index)
                index += unlimited.count - 1
            }
            index += 1
        }
        guard !found.isEmpty else { return text }
        var result: [UInt8] = []
        var start = 0
        for place in found {
            result += text[start..<place]
            result += Array("-1".utf8)
            start = place + unlimited.count
        }
        return result + text[start...]
    }
}
