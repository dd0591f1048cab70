import JSON
import Testing

@testable import MiniRuntime

@Suite("An OCI bundle's configuration")
struct OCIBundleTests {
    /// `change` works on the smallest sound configuration.
    private func parse(_ change: (inout JSONObject) -> Void = { _ in }) throws -> BundleSpec {
        var document: JSONObject = [
            "ociVersion": "1.2.0", "root": ["path": "rootfs"],
            "process": ["args": ["true"], "cwd": "/", "user": ["uid": 5, "gid": 6]],
            "linux": ["namespaces": [["type": "mount"], ["type": "pid"], ["type": "uts"]]],
        ]
        change(&document)
        return try BundleSpec(parsing: JSON.object(document).bytes, bundle: "/bundle")
    }

    private func refusal(_ change: (inout JSONObject) -> Void) -> String {
        do {
            _ = try parse(change)
            return ""
        } catch {
            return "\(error)"
        }
    }

    private func set(_ path: String, _ value: JSON) -> (inout JSONObject) -> Void {
        { document in
            let keys = path.split(separator: ".").map(String.init)
            guard keys.count > 1 else {
                document[keys[0]] = value
                return
            }
            var part = document[keys[0]]?.object ?? JSONObject()
            part[keys[1]] = value
            document[keys[0]] = .object(part)
        }
    }

    @Test("the smallest one is read, its root below the bundle")
    func smallest() throws {
        let spec = try parse()
        #expect(spec.root == "/bundle/rootfs")
        #expect(spec.process?.user == 5 && spec.process?.group == 6 && spec.process?.arguments == ["true"])
        #expect(spec.linux.namespaces.map(\.kind) == [.mount, .pid, .names])
    }

    @Test("the bundle that `spec` writes is a sound one")
    func defaultIsSound() throws {
        let spec = try BundleSpec(parsing: DefaultSpec.document.bytes, bundle: "/b")
        #expect(spec.process?.terminal == true && spec.isRootReadOnly && spec.mounts.count == 7)
    }

    @Test(
        "versions 1.0 to 1.2 are served, others refused",
        arguments: [
            ("1.0.0", true), ("1.0.2-dev", true), ("1.1.0+dev", true), ("1.2.1", true), ("1.3.0", false),
            ("0.9.0", false),
            ("2.0.0", false), ("1.2", false), ("one", false),
        ])
    func versions(version: String, isServed: Bool) {
        #expect(refusal(set("ociVersion", .string(version))).isEmpty == isServed)
    }

    @Test(
        "an impossible wish names its member and what is wrong",
        arguments: [
            ("process.args", JSON.array([]), "process.args"), ("process.cwd", "relative", "absolute"),
            ("process.env", "PATH=/", "process.env is a string"),
            ("process.capabilities", ["bounding": ["CAP_FLY"]], "CAP_FLY"),
            ("process.rlimits", [["type": "RLIMIT_CORE", "soft": 2, "hard": 1]], "above the hard one"),
            ("process.rlimits", [["type": "RLIMIT_FLY", "soft": 1, "hard": 1]], "RLIMIT_FLY"),
            ("process.oomScoreAdj", 1001, "from -1000 to 1000"), ("process.user", ["uid": -1], "process.user.uid"),
            ("process.apparmorProfile", "strict", "not supported"), ("root.path", "", "root.path"),
            ("linux.namespaces", [["type": "flying"]], "flying"),
            ("linux.namespaces", [["type": "time"]], "not supported"),
            ("linux.namespaces", [["type": "mount"], ["type": "mount"]], "twice"),
            ("linux.namespaces", [["type": "mount"], ["type": "user"]], "uidMappings"),
            ("linux.sysctl", ["kernel.panic": "1"], "whole machine"),
            ("linux.sysctl", ["net.ipv4.ip_forward": "1"], "network namespace"),
            ("linux.maskedPaths", ["proc"], "not absolute"), ("linux.rootfsPropagation", "wild", "wild"),
            ("linux.devices", [["path": "/dev/x", "type": "q"]], "is q"),
            ("linux.intelRdt", ["closID": "x"], "not supported"),
            ("linux.seccomp", ["defaultAction": "SCMP_ACT_FLY"], "SCMP_ACT_FLY"),
            (
                "linux.seccomp", ["defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_FLY"]],
                "SCMP_ARCH_FLY"
            ),
            ("hooks", ["prestart": [["path": "relative"]]], "absolute"),
            ("mounts", [["destination": "/x"]], "no type"),
            ("mounts", [["destination": "/x", "options": ["bind"]]], "name a source"),
            ("mounts", [["destination": "//proc/./self", "type": "tmpfs"]], "inside /proc"),
        ] as [(String, JSON, String)])
    func refused(path: String, value: JSON, word: String) {
        let text = refusal(set(path, value))
        #expect(text.holds(word), "\(path) = \(value): \(text)")
    }

    @Test("the largest number of 64 bits is no limit, and stays as it is inside a string")
    func unlimited() throws {
        let text = """
            {"ociVersion": "1.0.0", "root": {"path": "/r"}, "process": {"cwd": "/", "args": ["a\\"18446744073709551615"],
            "rlimits": [{"type": "RLIMIT_CORE", "soft": 1, "hard": 18446744073709551615}]}}
            """
        let process = try #require(try BundleSpec(parsing: Array(text.utf8), bundle: "/").process)
        #expect(process.limits.first?.hard == .max && process.limits.first?.soft == 1)
        #expect(process.arguments == ["a\"18446744073709551615"])
    }

    @Test("mount options become flags, attributes, propagation and data; the last of two opposites counts")
    func mountOptions() {
        let mount = MountSpec(
            destination: "/x", type: "", source: "/s",
            options: ["rbind", "ro", "rw", "nosuid", "rro", "rslave", "size=1m", "uid=3"])
        #expect(mount.isBind && mount.isRecursive)
        #expect(mount.set == 2 && mount.clear == 1 && mount.setBelow == 1)
        #expect(mount.propagation.count == 1 && mount.data == ["size=1m", "uid=3"])
    }

    @Test(
        "signals by number and by name",
        arguments: [
            ("9", 9), ("KILL", 9), ("sigterm", 15), ("RTMIN+3", 37), ("SIGRTMAX-1", 63), ("0", nil), ("65", nil),
            ("FLY", nil),
        ]
            as [(String, Int32?)])
    func signals(text: String, number: Int32?) {
        #expect(SignalName.number(text) == number)
    }

    @Test("a container's control group is never below the caller's own")
    func groups() {
        #expect(CgroupBinding.path("/a/b") == "/a/b")
        #expect(CgroupBinding.path("box") == "/berth/box")
        #expect(CgroupBinding.path("user.slice:libpod:abc") == "/user.slice/libpod-abc.scope")
    }

    @Test("an id that leads elsewhere is none", arguments: ["", ".", "..", "a/b", "a b", "a\0b", "../x"])
    func ids(id: String) {
        #expect(throws: OCIError.self) { try ContainerRecord.directory(id, in: "/run") }
    }
}
