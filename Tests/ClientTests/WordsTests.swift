import Testing

@testable import Client

@Suite struct WordsTests {
    @Test(arguments: [
        ("512", 512), ("64k", 65536), ("256m", 268_435_456), ("1.5g", 1_610_612_736), ("2GiB", 2_147_483_648),
        ("3kb", 3072), ("7b", 7),
    ])
    func sizesAreRead(_ text: String, _ expected: Int64) throws {
        #expect(try Quantity.bytes(text, of: "-m") == expected)
    }

    @Test(arguments: ["", "m", "-1", "1x", "1e3m", "nan", "inf", "99999999p"])
    func whatIsNoSizeIsRefused(_ text: String) {
        #expect(throws: ClientError.self) { try Quantity.bytes(text, of: "-m") }
    }

    @Test func processorsAreDecimal() throws {
        #expect(try Quantity.nanoCPUs("1.5") == 1_500_000_000)
        #expect(try Quantity.nanoCPUs(".1") == 100_000_000)
        #expect(try Quantity.nanoCPUs("0.000000001") == 1)
        for text in ["", ".", "a", "-1", "1.0000000001", "1.2.3"] {
            #expect(throws: ClientError.self) { try Quantity.nanoCPUs(text) }
        }
    }

    @Test func spansAreGos() {
        #expect(Quantity.duration("1h2m3.5s") == 3_723_500_000_000)
        #expect(Quantity.duration("300ms") == 300_000_000)
        for text in ["", "10", "1d", "h", "1.2.3s"] { #expect(Quantity.duration(text) == nil) }
    }

    @Test func momentsHaveAZone() {
        #expect(Moment("1970-01-02T00:00:00Z") == Moment(seconds: 86400))
        #expect(Moment("2026-11-27T01:02:03.25+01:00") == Moment(seconds: 1_795_737_723, nanoseconds: 250_000_000))
        #expect(Moment("2000-02-29T12:00:00Z") == Moment(seconds: 951_825_600))
        for text in ["", "2026", "2026-13-01", "2026-01-01T25:00:00Z", "2026-01-01T00:00:00X"] {
            #expect(Moment(text) == nil)
        }
    }

    @Test func ulimitsNeedSoftBelowHard() throws {
        let limit = try Quantity.ulimit("nofile=10:20")
        #expect(limit == ("nofile", 10, 20))
        #expect(try Quantity.ulimit("core=-1") == ("core", -1, -1))
        for text in ["nofile", "nofile=", "nofile=20:10", "nofile=-1:5", "nofile=1:2:3"] {
            #expect(throws: ClientError.self) { try Quantity.ulimit(text) }
        }
    }

    @Test func durationsAreToldAsDockerDoes() {
        #expect(
            [0, 1, 59, 60, 119, 120, 3599, 3600, 5399, 5400, 172_800, 1_209_600, 5_184_000, 63_072_000].map {
                Spoken.duration(seconds: $0)
            } == [
                "Less than a second", "1 second", "59 seconds", "About a minute", "About a minute", "2 minutes",
                "59 minutes",
                "About an hour", "About an hour", "2 hours", "2 days", "2 weeks", "2 months", "2 years",
            ])
    }

    @Test func sizesAreToldAsDockerDoes() {
        #expect(Spoken.size(1_978_123) == "1.98MB")
        #expect(Spoken.size(0) == "0B")
        #expect(Spoken.binarySize(67_108_864) == "64MiB")
        #expect(Spoken.binarySize(577_536) == "564KiB")
    }

    @Test func environmentFilesKeepValuesAsTheyStand() throws {
        let file = Array("# note\n\nA=1\n  B= x y \nHOME\nMISSING\nC=\"q\"\r\nD=\n".utf8)
        let own = { (name: String) -> String? in name == "HOME" ? "/root" : nil }
        #expect(
            try Pairs.environment(file: file, named: "f", own: own) == [
                "A=1", "B= x y ", "HOME=/root", "C=\"q\"", "D=",
            ])
        for text in ["=1", "A B=1"] {
            #expect(throws: ClientError.self) { try Pairs.environment(file: Array(text.utf8), named: "f", own: own) }
        }
    }

    @Test func volumesAreSorted() throws {
        #expect(try MountSpec.volume("./x:/y:ro", in: "/home/me") == .bind("/home/me/x:/y:ro"))
        #expect(try MountSpec.volume("../x:/y", in: "/home/me") == .bind("/home/x:/y"))
        #expect(try MountSpec.volume("data:/y", in: "/") == .bind("data:/y"))
        #expect(try MountSpec.volume("/y", in: "/") == .anonymous("/y"))
        for text in ["", "y", "a/b:/y", "/a:y", "/a:/b:odd", "/a::/b", "a:b:c:d"] {
            #expect(throws: ClientError.self) { try MountSpec.volume(text, in: "/") }
        }
    }

    @Test func mountsAreTheAPIs() throws {
        #expect(
            try MountSpec.mount("type=bind,src=/a,dst=/b,readonly,bind-propagation=rshared", in: "/").text
                == #"{"Type":"bind","Source":"/a","Target":"/b","ReadOnly":true,"BindOptions":{"Propagation":"rshared"}}"#
        )
        #expect(
            try MountSpec.mount("type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=755", in: "/").text
                == #"{"Type":"tmpfs","Target":"/t","TmpfsOptions":{"SizeBytes":1048576,"Mode":493}}"#)
        for text in [
            "type=bind,dst=/b", "type=odd,dst=/b", "src=a", "type=tmpfs,src=x,dst=/t",
            "type=bind,src=/a,dst=/b,tmpfs-size=1",
        ] {
            #expect(throws: ClientError.self) { try MountSpec.mount(text, in: "/") }
        }
    }

    @Test func detachKeysAreKeptBackUntilTheyDiffer() throws {
        var keys = try DetachKeys("ctrl-p,ctrl-q")
        #expect(keys.pass([0x61, 16]) == ([0x61], false))
        #expect(keys.pass([0x62]) == ([16, 0x62], false))
        #expect(keys.pass([16, 16, 17, 0x63]) == ([16], true))
        #expect(throws: ClientError.self) { try DetachKeys("ctrl-p,meta-x") }
        var none = try DetachKeys("")
        #expect(none.pass([16, 17]) == ([16, 17], false))
    }

    @Test func devicesAndPolicies() throws {
        #expect(try Pairs.device("/dev/a:r")["CgroupPermissions"]?.string == "r")
        #expect(try Pairs.device("/dev/a:/dev/b:rw")["PathInContainer"]?.string == "/dev/b")
        #expect(try Pairs.restartPolicy("on-failure:3")["MaximumRetryCount"]?.integer == 3)
        for text in ["always:3", "sometimes", "on-failure:x"] {
            #expect(throws: ClientError.self) { try Pairs.restartPolicy(text) }
        }
        #expect(try Pairs.filters(["a=b", "a=c", "d=e=f"]) == #"{"a":["b","c"],"d":["e=f"]}"#)
    }

    @Test func endpointsAreOfThisMachine() throws {
        #expect(try Endpoint(parsing: "unix:///a/b") == .unix("/a/b"))
        #expect(try Endpoint(parsing: "tcp://localhost:2375") == .loopback(address: "127.0.0.1", port: 2375))
        for text in [
            "", "unix://a", "tcp://192.0.2.1:80", "tcp://127.0.0.1", "http://x",
            "unix:///" + String(repeating: "x", count: 120),
        ] {
            #expect(throws: ClientError.self) { try Endpoint(parsing: text) }
        }
    }

    @Test func endpointsWithTLSAreAnywhere() throws {
        #expect(try Endpoint(parsing: "tcp://localhost:2376", isTLS: true) == .tls(host: "localhost", port: 2376))
        #expect(try Endpoint(parsing: "tcp://:2376", isTLS: true) == .tls(host: "localhost", port: 2376))
        let six = try Endpoint(parsing: "tcp://[2001:db8::1]:2376", isTLS: true)
        #expect(six == .tls(host: "2001:db8::1", port: 2376) && "\(six)" == "tcp://[2001:db8::1]:2376")
        for text in [
            "tcp://h", "tcp://h:0", "tcp://h:65536", "tcp://::1:80", "tcp://[h]:80", "tcp://[192.0.2.1]:80",
            "tcp://a b:80", "tcp://a/b:80", "tcp://u@h:80",
        ] {
            #expect(throws: ClientError.self) { try Endpoint(parsing: text, isTLS: true) }
        }
        #expect(throws: ClientError.self) { try Daemon(six).request("GET", "/x") }
    }

    @Test func optionsOfTLSWinOverTheEnvironment() throws {
        let some = "/proc/self/exe"
        var choice = TLSChoice()
        #expect(try choice.files { _ in nil } == nil)
        #expect(try choice.files { $0 == "BERTH_TLS_VERIFY" ? "" : nil } == nil)
        let whoever = try choice.files { $0 == "BERTH_TLS" ? "1" : $0 == "HOME" ? "/nosuch" : nil }
        #expect(whoever == TLSChoice.Files(authority: nil, certificate: nil, key: nil))
        let error = try #require(throws: ClientError.self) {
            try choice.files { $0 == "BERTH_TLS_VERIFY" ? "1" : $0 == "HOME" ? "/nosuch" : nil }
        }
        #expect(error.message.contains("/nosuch/.berth/ca.pem"))
        choice.certificate = some
        #expect(throws: ClientError.self) { try choice.files { _ in nil } }
        choice.verifies = true
        choice.authority = some
        #expect(throws: ClientError.self, "a certificate without its key") {
            try choice.files { $0 == "HOME" ? "/nosuch" : nil }
        }
        choice.key = some
        #expect(try choice.files { _ in nil } == TLSChoice.Files(authority: some, certificate: some, key: some))
        choice.verifies = false
        #expect(throws: ClientError.self) { try choice.files { $0 == "BERTH_TLS_VERIFY" ? "1" : nil } }
    }
}
