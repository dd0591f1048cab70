import Glibc
import JSON
import MiniRuntime
import NetCore
import TestSupport
import Testing

@testable import Containers
@testable import Images

@Suite("The steps of a start, as commands")
struct ExplainTests {
    @Test(
        "a shell reads every word back as it was, and no control character reaches a terminal",
        arguments: [
            "plain", "", "two words", "it's", "$HOME `x` \\ \"", "line\nline", "tab\tx", "\u{1b}[31mred\u{1b}[0m",
            "bell\u{7}'s",
            "\u{9b}c1", "ü 字", "-n", "\u{1b}",
        ])
    func words(_ text: String) throws {
        let command = "printf %s " + word(text)
        #expect(
            !command.unicodeScalars.contains {
                $0.value < 0x20 && $0 != "\n" && $0 != "\t" || (0x7f..<0xa0).contains($0.value)
            })
        for shell in ["bash", "sh"] {
            let said = try PrivateHost.run { host in try host.must(shell, input: command) }
            #expect(said == text, "\(shell)")
        }
    }

    private func told(_ document: String) throws -> [ExplainedStep] {
        let spec = try BundleSpec(parsing: Array(document.utf8), bundle: "/bundle")
        var told = Told()
        ExplainedProcess(spec: spec).tell(&told)
        let bundle = ExplainedBundle(spec: spec, view: LayeredRoot([]), own: "/own")
        bundle.tellDevices(&told)
        bundle.tellCovers(&told)
        return told.steps
    }

    @Test("rights, limits and the filter are those of the bundle")
    func process() throws {
        let steps = try told(
            #"""
            {"ociVersion": "1.1.0", "root": {"path": "rootfs", "readonly": true},
             "process": {"args": ["/bin/x", "a b"], "env": ["A=1", "B=it's"], "cwd": "/w", "noNewPrivileges": true,
               "user": {"uid": 5, "gid": 6, "additionalGids": [7, 8]}, "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": -1}],
               "capabilities": {"bounding": ["CAP_CHOWN"]}},
             "linux": {"namespaces": [{"type": "mount"}], "maskedPaths": ["/proc/k c"], "readonlyPaths": ["/proc/sys"],
               "devices": [{"path": "/dev/own", "type": "b", "major": 8, "minor": 1, "fileMode": 384, "uid": 5, "gid": 6}],
               "seccomp": {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mount", "bpf"], "action": "SCMP_ACT_ERRNO"}]}}}
            """#)
        let commands = steps.map(\.command)
        #expect(commands.contains("prlimit --pid $$ --nofile=1:unlimited"))
        #expect(
            commands.contains(
                "set -- setpriv --no-new-privs --bounding-set=-all,+chown --inh-caps=-all --regid=6 --groups=7,8 --reuid=5"
            ))
        #expect(commands.contains("# 1 rules about 2 system calls; every other is allowed; refused by name: bpf mount"))
        #expect(commands.contains(#"exec env -i A=1 'B=it'\''s' "$@" /bin/x 'a b'"#))
        #expect(commands.contains { $0.holds("[ -e ./dev/own ] || mknod -m 600 ./dev/own b 8 1\nchown 5:6 ./dev/own") })
        #expect(commands.contains { $0.hasPrefix("for path in './proc/k c'; do if [ -d") })
        #expect(commands.last == "mount -o remount,bind,ro .")
    }

    @Test("mounts in mount's own words")
    func mounts() {
        let flags = UInt(MS_RDONLY | MS_NOSUID | MS_NODEV)
        #expect(
            MountWords.command("tmpfs", flags, ["size=1m"], "tmpfs", "./a b")
                == "mount -t tmpfs -o ro,nosuid,nodev,size=1m tmpfs './a b'")
        #expect(MountWords.command("proc", 0, [], "proc", "./proc") == "mount -t proc proc ./proc")
        #expect(MountWords.attributes(UInt64(MOUNT_ATTR_RDONLY), UInt64(MOUNT_ATTR_NOEXEC)) == ["ro", "exec"])
        #expect(MountWords.propagation(UInt(MS_SLAVE | MS_REC)) == "rslave")
    }
}
