import Glibc
import JSON
import NetCore
import Testing

@testable import Containers
@testable import Images

@Suite("A container as an OCI bundle")
struct BundleTests {
    private static let id = String(repeating: "ab", count: 32)

    /// The bundle of a create body, for root in a network of its own.
    private func bundle(
        _ text: String, network: String? = "/run/berth/netns/\(id)", user: ContainerUser? = nil,
        sharedMemory: String? = nil
    ) throws -> JSON {
        let wish = try Wish(try #require(JSON(parsing: Array(text.utf8)).object), WishTests.image)
        var state = ContainerState(name: "box")
        state.config = wish.config
        state.host = wish.host
        for mount in try wish.mounts() {
            state.mounts.append([
                "Type": .string(mount.kind.rawValue), "Source": .string(mount.source),
                "Destination": .string(mount.target), "Mode": .string(mount.options.joined(separator: ",")),
                "RW": .bool(!mount.isReadOnly), "Propagation": .string(mount.propagation),
            ])
        }
        let home = Home(root: "/var/lib/berth", run: "/run/berth", programs: "/usr/libexec/berth")
        let container = Container(
            home, id: BundleTests.id, created: Moment.never, imageID: "sha256:00", imageName: "box", state)
        return try BundleDocument(
            container: container, state: state, user: user ?? ContainerUser("", in: "/nonexistent", extra: []),
            network: network, joined: [:], sharedMemory: sharedMemory
        ).document()
    }

    private func texts(_ value: JSON?) -> [String] { (value?.array ?? []).compactMap(\.string) }

    private func mount(_ bundle: JSON, _ place: String) -> JSON? {
        bundle["mounts"]?.array?.first { $0["destination"]?.string == place }
    }

    @Test("without a wish: docker's namespaces, mounts, rights and paths")
    func plain() throws {
        let bundle = try bundle("{}")
        let process = try #require(bundle["process"])
        #expect(texts(process["args"]) == ["sh"] && process["cwd"] == "/" && process["terminal"] == false)
        #expect(texts(process["env"]) == ["PATH=/bin", "A=1", "HOSTNAME=abababababab", "HOME=/"])
        for set in ["bounding", "effective", "permitted"] {
            let names = texts(process["capabilities"]?[set])
            #expect(Set(names) == Set(Rights.standard), "\(set)")
        }
        #expect(process["capabilities"]?["ambient"] == nil && process["capabilities"]?["inheritable"] == nil)
        let linux = try #require(bundle["linux"])
        let kinds = (linux["namespaces"]?.array ?? []).map {
            "\($0["type"]?.string ?? "")=\($0["path"]?.string ?? "")"
        }
        #expect(
            Set(kinds) == ["mount=", "cgroup=", "pid=", "ipc=", "uts=", "network=/run/berth/netns/\(BundleTests.id)"])
        #expect(linux["cgroupsPath"]?.string == "/berth/\(BundleTests.id)" && linux["seccomp"] != nil)
        #expect(
            texts(linux["maskedPaths"]).contains("/proc/kcore") && texts(linux["readonlyPaths"]).contains("/proc/sys"))
        #expect(linux["resources"]?["devices"]?.array?.first == ["allow": false, "access": "rwm"])
        #expect(linux["sysctl"]?["net.ipv4.ping_group_range"] == "0 2147483647")
        let system = texts(mount(bundle, "/sys")?["options"])
        #expect(system.contains("ro"))
        let places = (bundle["mounts"]?.array ?? []).compactMap { $0["destination"]?.string }
        #expect(
            places == [
                "/proc", "/dev", "/dev/pts", "/sys", "/sys/fs/cgroup", "/dev/mqueue", "/dev/shm", "/etc/hosts",
                "/etc/hostname", "/etc/resolv.conf",
            ])
    }

    @Test("privileged: every right and device, nothing hidden, no filter")
    func privileged() throws {
        let bundle = try bundle(#"{"HostConfig": {"Privileged": true}}"#)
        let linux = try #require(bundle["linux"])
        #expect(linux["seccomp"] == nil && linux["maskedPaths"] == nil && linux["readonlyPaths"] == nil)
        #expect(linux["resources"]?["devices"]?.array == [["allow": true, "access": "rwm"]])
        let rights = texts(bundle["process"]?["capabilities"]?["effective"])
        let system = texts(mount(bundle, "/sys")?["options"])
        #expect(rights.contains("CAP_SYS_ADMIN") && system.contains("rw"))
    }

    @Test("who is not root holds no capability until a file gives some")
    func ordinary() throws {
        let bundle = try bundle("{}", user: ContainerUser("1000:100", in: "/nonexistent", extra: ["7"]))
        let user = try #require(bundle["process"]?["user"])
        #expect(user["uid"] == 1000 && user["gid"] == 100 && user["additionalGids"] == [7])
        let rights = try #require(bundle["process"]?["capabilities"])
        #expect(texts(rights["bounding"]).count == 14 && rights["effective"] == [] && rights["permitted"] == [])
    }

    @Test("the host's namespaces are asked for by leaving them out, and its network's keys are left alone")
    func host() throws {
        let bundle = try bundle(
            #"{"HostConfig": {"NetworkMode": "host", "PidMode": "host", "IpcMode": "host", "UTSMode": "host", "CgroupnsMode": "host"}}"#,
            network: nil, sharedMemory: "/dev/shm")
        #expect(bundle["linux"]?["namespaces"] == [["type": "mount"]] && bundle["linux"]?["sysctl"] == nil)
        #expect(bundle["hostname"] == "" && mount(bundle, "/dev/shm")?["source"] == "/dev/shm")
    }

    @Test("another container's network keeps its keys")
    func shared() throws {
        let bundle = try bundle(#"{"HostConfig": {"NetworkMode": "container:x"}}"#, network: "/proc/7/ns/net")
        #expect(bundle["linux"]?["sysctl"] == nil)
        #expect(bundle["linux"]?["namespaces"]?.array?.contains(["type": "network", "path": "/proc/7/ns/net"]) == true)
    }

    @Test("init is a bind of the reaper, read-only, that gets the command behind --")
    func reaper() throws {
        let bundle = try bundle(#"{"Cmd": ["sleep", "1"], "HostConfig": {"Init": true}}"#)
        let arguments = texts(bundle["process"]?["args"])
        #expect(arguments == ["/dev/berth-init", "--", "sleep", "1"])
        let found = try #require(mount(bundle, "/dev/berth-init"))
        #expect(found["source"] == "/usr/libexec/berth/berth-shim" && texts(found["options"]) == ["bind", "ro"])
    }

    @Test(
        "mounts: the upper ones first; memory is nosuid; without IPC there is no /dev/shm; one of one's own stands for it"
    )
    func mounts() throws {
        let bundle = try bundle(
            #"{"HostConfig": {"IpcMode": "none", "Binds": ["/b:/data/deep:ro,rslave", "/a:/data"], "Tmpfs": {"/t": "size=1m"}}}"#
        )
        let places = (bundle["mounts"]?.array ?? []).compactMap { $0["destination"]?.string }
        #expect(!places.contains("/dev/shm"))
        let upper = try #require(places.firstIndex(of: "/data"))
        let lower = try #require(places.firstIndex(of: "/data/deep"))
        #expect(upper < lower)
        let options = ["/data/deep", "/t"].map { texts(mount(bundle, $0)?["options"]) }
        #expect(options == [["rbind", "ro", "rslave"], ["nosuid", "nodev", "size=1m"]])
        let own = try self.bundle(#"{"HostConfig": {"Binds": ["/mine:/dev/shm"]}}"#)
        #expect((own["mounts"]?.array ?? []).filter { $0["destination"] == "/dev/shm" }.count == 1)
    }

    @Test("limits as the runtime specification has them")
    func limits() throws {
        let resources = try #require(
            try bundle(
                #"{"HostConfig": {"Memory": 8388608, "MemorySwap": -1, "NanoCpus": 500000000, "CpuShares": 512, "PidsLimit": 9, "CpusetCpus": "0"}}"#
            )["linux"]?["resources"])
        #expect(resources["memory"] == ["limit": 8_388_608, "swap": -1])
        #expect(resources["cpu"] == ["period": 100_000, "quota": 50_000, "shares": 512, "cpus": "0"])
        #expect(resources["pids"] == ["limit": 9])
    }
}

@Suite("What brings a container back")
struct RestartTests {
    private func state(_ policy: String, _ maximum: Int64 = 0, code: Int64, restarts: Int64 = 0) -> ContainerState {
        var state = ContainerState(name: "x")
        state.host["RestartPolicy"] = ["Name": .string(policy), "MaximumRetryCount": .integer(maximum)]
        state.exitCode = code
        state.restarts = restarts
        state.status = .exited
        state.startedAt = "2026-01-01T00:00:00.5Z"
        return state
    }

    @Test("the wait doubles from 100 ms to a minute, and ten seconds of life forgive what was")
    func backOff() throws {
        let soon = Moment("2026-01-01T00:00:01.5Z")
        let delays = (0..<12).map { Containers.restartDelay(state("always", code: 0, restarts: $0), lasted: soon) }
        #expect(delays.prefix(4) == [100, 200, 400, 800] && delays.suffix(2) == [60_000, 60_000])
        let late = try #require(Moment("2026-01-01T00:00:11Z"))
        #expect(Containers.restartDelay(state("always", code: 1, restarts: 9), lasted: late) == 100)
    }

    @Test("on-failure counts, no and a person's stop end it")
    func policies() {
        #expect(Containers.restartDelay(state("no", code: 1), lasted: nil) == nil)
        #expect(Containers.restartDelay(state("on-failure", code: 0), lasted: nil) == nil)
        #expect(Containers.restartDelay(state("on-failure", 2, code: 1, restarts: 1), lasted: nil) != nil)
        #expect(Containers.restartDelay(state("on-failure", 2, code: 1, restarts: 2), lasted: nil) == nil)
        var stopped = state("always", code: 0)
        stopped.isStopped = true
        #expect(Containers.restartDelay(stopped, lasted: nil) == nil)
    }

    @Test("with the daemon comes back what is always there, and what no person stopped")
    func daemon() {
        var always = state("always", code: 0)
        var unless = state("unless-stopped", code: 0)
        #expect(Containers.comesBackWithDaemon(always) && Containers.comesBackWithDaemon(unless))
        always.isStopped = true
        unless.isStopped = true
        #expect(Containers.comesBackWithDaemon(always) && !Containers.comesBackWithDaemon(unless))
        #expect(!Containers.comesBackWithDaemon(state("no", code: 1)))
        #expect(Containers.comesBackWithDaemon(state("on-failure", code: 1)))
        #expect(!Containers.comesBackWithDaemon(state("on-failure", 3, code: 1, restarts: 3)))
        always.startedAt = Moment.never
        #expect(!Containers.comesBackWithDaemon(always), "it was only made")
    }
}
