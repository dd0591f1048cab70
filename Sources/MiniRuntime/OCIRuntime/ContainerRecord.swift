import CContainer
import Glibc
import JSON
import NetCore

/// A container as its directory knows it: `ROOT/ID/state.json`, beside it the bundle's `config.json` as it was.
struct ContainerRecord {
    let directory: String
    let id: String
    let pid: pid_t
    /// In clock ticks after boot (man 5 proc): another process of the same number has another.
    let start: UInt64
    let bundle: String
    let root: String
    let version: String
    let created: String
    let cgroupPath: String?
    let annotations: JSONObject

    init(
        directory: String, id: String, pid: pid_t, start: UInt64, bundle: String, root: String, version: String,
        created: String, cgroupPath: String?, annotations: JSONObject
    ) {
        self.directory = directory
        self.id = id
        self.pid = pid
        self.start = start
        self.bundle = bundle
        self.root = root
        self.version = version
        self.created = created
        self.cgroupPath = cgroupPath
        self.annotations = annotations
    }

    enum Status: String { case created, running, paused, stopped }

    var pipe: String { "\(directory)/exec.fifo" }

    /// Throws for an id that leads elsewhere.
    static func directory(_ id: String, in root: String) throws(OCIError) -> String {
        let isSound =
            !id.isEmpty && id != "." && id != ".." && id.utf8.count <= 1024
            && id.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "+"),
                    UInt8(ascii: "."):
                    true
                default: false
                }
            }
        guard isSound else {
            throw OCIError("invalid container id \"\(id)\": take letters, digits and _ + - . only")
        }
        return "\(root)/\(id)"
    }

    /// Throws when there is none.
    static func load(_ id: String, in root: String) throws(OCIError) -> ContainerRecord {
        let directory = try directory(id, in: root)
        let bytes: [UInt8]
        do throws(KernelError) {
            bytes = try Files.read("\(directory)/state.json")
        } catch  where error.errno == .noSuchFile {
            throw OCIError("container \"\(id)\" does not exist: berth-oci --root \(root) list shows which do")
        } catch {
            throw OCIError(error)
        }
        let fields = Fields(try BundleSpec.document(bytes))
        return ContainerRecord(
            directory: directory, id: id, pid: pid_t(try fields.integer("pid") ?? 0),
            start: UInt64(try fields.integer("start") ?? 0), bundle: try fields.string("bundle") ?? "",
            root: try fields.string("rootfs") ?? "", version: try fields.string("ociVersion") ?? "",
            created: try fields.string("created") ?? "", cgroupPath: try fields.string("cgroup"),
            annotations: try fields.fields("annotations")?.object ?? JSONObject())
    }

    func save() throws(KernelError) {
        var object = describe(nil)
        object["start"] = .integer(Int64(start))
        if let cgroupPath { object["cgroup"] = .string(cgroupPath) }
        try Files.replace("\(directory)/state.json", with: JSON.object(object).bytes)
    }

    /// The bundle's configuration as it was when the container was made.
    func spec() throws(OCIError) -> (spec: BundleSpec, document: JSONObject) {
        let text = try kernel { () throws(KernelError) in try Files.read("\(directory)/config.json") }
        return (try BundleSpec(parsing: text, bundle: bundle), try BundleSpec.document(text))
    }

    var cgroup: Cgroup? {
        guard let cgroupPath else { return nil }
        if let known = found.cgroup { return known }
        do throws(KernelError) { found.cgroup = try Cgroup(path: cgroupPath) } catch { return nil }
        return found.cgroup
    }

    /// Looked for once.
    private final class Found { var cgroup: Cgroup? }
    private let found = Found()

    var status: Status {
        guard ContainerRecord.isAlive(pid, start) else { return .stopped }
        if Files.exists(pipe) { return .created }
        return cgroup?.isFrozen == true ? .paused : .running
    }

    /// As the specification's `state` shows it; `rootfs`, `created` and `owner` as runc adds them.
    func describe(_ status: Status?) -> JSONObject {
        var object: JSONObject = ["ociVersion": .string(version), "id": .string(id)]
        object["pid"] = .integer(status == .stopped ? 0 : Int64(pid))
        if let status { object["status"] = .string(status.rawValue) }
        object["bundle"] = .string(bundle)
        object["rootfs"] = .string(root)
        object["created"] = .string(created)
        if !annotations.isEmpty { object["annotations"] = .object(annotations) }
        object["owner"] = ""
        return object
    }

    static func isAlive(_ pid: pid_t, _ start: UInt64) -> Bool {
        guard pid > 0, let found = ProcessStatus(pid) else { return false }
        return found.start == start && !found.hasEnded
    }
}
