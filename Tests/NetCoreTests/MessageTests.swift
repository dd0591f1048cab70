import CKernel
import Glibc
import Testing

@testable import NetCore

/// Requests as bytes: what the kernel is sent, field by field (man 7 netlink, man 7 rtnetlink, linux/netfilter/nf_tables.h).
@Suite("Netlink requests, as bytes")
struct MessageTests {
    /// Hexadecimal bytes; what follows a # in a line is a remark.
    static func bytes(_ text: String) -> [UInt8] {
        text.split(separator: "\n").flatMap { line in
            line.prefix { $0 != "#" }.split(separator: " ").map { UInt8($0, radix: 16)! }
        }
    }

    static func compare(_ request: NetlinkRequest, _ text: String, _ place: SourceLocation = #_sourceLocation) {
        let expected = bytes(text)
        guard request.bytes != expected else { return }
        let seen = request.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        let lines = stride(from: 0, to: seen.count, by: 4).map {
            seen[$0..<min($0 + 4, seen.count)].joined(separator: " ")
        }
        Issue.record("\(request.operation) is\n\(lines.joined(separator: "\n"))", sourceLocation: place)
    }

    @Test("a bridge is made with its name, MAC and MTU, and only when it is not there")
    func bridge() throws {
        MessageTests.compare(
            try LinkRequest.addBridge(LinkName("br0")!, mac: MACAddress("02:00:00:00:00:01"), mtu: 1500),
            """
            4c 00 00 00 # length 76
            10 00 01 06 # RTM_NEWLINK; REQUEST, EXCL, CREATE
            00 00 00 00 # sequence, set when sent
            00 00 00 00 # port
            00 00 00 00 # family, pad, type
            00 00 00 00 # index
            00 00 00 00 # flags
            00 00 00 00 # change
            08 00 03 00 62 72 30 00 # IFLA_IFNAME br0
            0a 00 01 00 02 00 00 00 00 01 00 00 # IFLA_ADDRESS, two bytes of padding
            08 00 04 00 dc 05 00 00 # IFLA_MTU 1500
            10 00 12 80 # IFLA_LINKINFO, nested
            0b 00 01 00 62 72 69 64 67 65 00 00 # IFLA_INFO_KIND bridge
            """)
    }

    @Test("a veth pair is made whole in one message: both names, one queue a side, the peer in its namespace")
    func veth() throws {
        MessageTests.compare(
            try LinkRequest.addVethPair(
                host: LinkName("v0")!, up: true, master: 3, mtu: 1400, container: LinkName("eth0")!,
                containerMAC: MACAddress("02:00:00:00:00:02"),
                namespace: 9),
            """
            a8 00 00 00 # length 168
            10 00 01 06 # RTM_NEWLINK; REQUEST, EXCL, CREATE
            00 00 00 00 00 00 00 00
            00 00 00 00 00 00 00 00 # family, type, index
            01 00 00 00 01 00 00 00 # flags and change: IFF_UP
            07 00 03 00 76 30 00 00 # IFLA_IFNAME v0
            08 00 04 00 78 05 00 00 # IFLA_MTU 1400
            08 00 0a 00 03 00 00 00 # IFLA_MASTER 3
            08 00 1f 00 01 00 00 00 # IFLA_NUM_TX_QUEUES 1
            08 00 20 00 01 00 00 00 # IFLA_NUM_RX_QUEUES 1
            60 00 12 80 # IFLA_LINKINFO
            09 00 01 00 76 65 74 68 00 00 00 00 # IFLA_INFO_KIND veth
            50 00 02 80 # IFLA_INFO_DATA
            4c 00 01 80 # VETH_INFO_PEER
            00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 # the peer's ifinfomsg
            09 00 03 00 65 74 68 30 00 00 00 00 # IFLA_IFNAME eth0
            08 00 04 00 78 05 00 00 # IFLA_MTU 1400
            0a 00 01 00 02 00 00 00 00 02 00 00 # IFLA_ADDRESS
            08 00 1f 00 01 00 00 00 # IFLA_NUM_TX_QUEUES 1
            08 00 20 00 01 00 00 00 # IFLA_NUM_RX_QUEUES 1
            08 00 1c 00 09 00 00 00 # IFLA_NET_NS_FD 9
            """)
    }

    @Test("a token bucket is told by its rate, its limit and its burst in bytes, without a rate table")
    func tokenBucket() throws {
        MessageTests.compare(
            try TrafficControl.setTokenBucket(
                TokenBucketFilter(rate: 1_000_000, burst: 20_000), on: 5, named: "v0", replacing: false),
            """
            60 00 00 00 # length 96
            24 00 01 06 # RTM_NEWQDISC; REQUEST, EXCL, CREATE
            00 00 00 00 00 00 00 00
            00 00 00 00 # family
            05 00 00 00 # index
            00 00 00 be # handle be00:
            ff ff ff ff # TC_H_ROOT
            00 00 00 00
            08 00 01 00 74 62 66 00 # TCA_KIND tbf
            34 00 02 80 # TCA_OPTIONS, nested
            28 00 01 00 # TCA_TBF_PARMS
            00 01 00 00 00 00 00 00 40 42 0f 00 # the rate: linklayer Ethernet, 1,000,000 bytes a second
            00 00 00 00 00 00 00 00 00 00 00 00 # no peak rate
            c8 af 00 00 # limit: 25,000 bytes wait for 25 ms, and the burst
            00 00 00 00 00 00 00 00 # buffer and mtu
            08 00 06 00 20 4e 00 00 # TCA_TBF_BURST 20,000
            """)
        let wide = try TrafficControl.setTokenBucket(
            TokenBucketFilter(rate: 1 << 33, burst: 1), on: 5, named: "v0", replacing: true)
        let options = Attribute.list(wide.bytes[36...])[type: 2]?.nested ?? []
        #expect(options[type: 4]?.payload == [0, 0, 0, 0, 2, 0, 0, 0], "TCA_TBF_RATE64")
        #expect(
            options[type: 1].map { Array($0.payload[($0.payload.startIndex + 8)...].prefix(4)) } == [
                255, 255, 255, 255,
            ])
        #expect(wide.bytes[6...7] == [0x01, 0x05], "REQUEST, REPLACE, CREATE")
    }

    @Test("a token bucket's limit and duration stay within their numbers, whatever rate and burst are")
    func extremes() {
        #expect(TokenBucketFilter(rate: .max, burst: .max).limit == .max)
        #expect(TokenBucketFilter(rate: 1, burst: .max).limit == .max)
        #expect(TokenBucketFilter(rate: 40, burst: 1).limit == 2)
        let slow = TokenBucketFilter(rate: 1, burst: .max)
        #expect(slow.isTold(by: slow) && !slow.isTold(by: TokenBucketFilter(rate: 2, burst: .max)))
        #expect(!TokenBucketFilter(rate: 1000, burst: 5000).isTold(by: TokenBucketFilter(rate: 1000, burst: 5001)))
    }

    @Test("all that comes in is redirected by a u32 filter whose one key matches every packet")
    func redirect() throws {
        MessageTests.compare(
            try TrafficControl.addRedirect(from: 5, named: "v0", to: 9, named: "bwp0"),
            """
            8c 00 00 00 # length 140
            2c 00 01 06 # RTM_NEWTFILTER; REQUEST, EXCL, CREATE
            00 00 00 00 00 00 00 00
            00 00 00 00 # family
            05 00 00 00 # index
            00 00 00 00 # handle
            00 00 ff ff # parent ffff:
            00 03 00 be # ETH_P_ALL, pref 48640
            08 00 01 00 75 33 32 00 # TCA_KIND u32
            60 00 02 80 # TCA_OPTIONS
            24 00 05 00 # TCA_U32_SEL
            01 00 01 00 # terminal, no shift, one key
            00 00 00 00 00 00 00 00 00 00 00 00
            00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 # mask, value, offset, offset's mask
            38 00 07 80 # TCA_U32_ACT
            34 00 01 80 # the first action
            0b 00 01 00 6d 69 72 72 65 64 00 00 # TCA_ACT_KIND mirred
            24 00 02 80 # TCA_ACT_OPTIONS
            20 00 02 00 # TCA_MIRRED_PARMS
            00 00 00 00 00 00 00 00 # index, capabilities
            04 00 00 00 # TC_ACT_STOLEN
            00 00 00 00 00 00 00 00 # references, bindings
            01 00 00 00 # TCA_EGRESS_REDIR
            09 00 00 00 # by link 9
            """)
    }

    @Test("an ifb is made with one queue a side")
    func functionalBlock() throws {
        MessageTests.compare(
            try LinkRequest.addFunctionalBlock(LinkName("bwp0")!, mtu: 1400),
            """
            50 00 00 00 # length 80
            10 00 01 06 # RTM_NEWLINK; REQUEST, EXCL, CREATE
            00 00 00 00 00 00 00 00
            00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
            09 00 03 00 62 77 70 30 00 00 00 00 # IFLA_IFNAME bwp0
            08 00 04 00 78 05 00 00 # IFLA_MTU 1400
            08 00 1f 00 01 00 00 00 # IFLA_NUM_TX_QUEUES 1
            08 00 20 00 01 00 00 00 # IFLA_NUM_RX_QUEUES 1
            0c 00 12 80 # IFLA_LINKINFO
            08 00 01 00 69 66 62 00 # IFLA_INFO_KIND ifb
            """)
    }

    @Test("a macvlan is made in its namespace, on its master")
    func macvlan() throws {
        MessageTests.compare(
            try LinkRequest.addMacvlan(
                LinkName("mvl0")!, for: LinkName("eth0")!, master: 3, mode: 4, mac: MACAddress("02:00:00:00:00:02"),
                mtu: 1400, broadcastQueueLength: 500, namespace: 9),
            """
            74 00 00 00 # length 116
            10 00 01 06 # RTM_NEWLINK; REQUEST, EXCL, CREATE
            00 00 00 00 00 00 00 00
            00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
            09 00 03 00 6d 76 6c 30 00 00 00 00 # IFLA_IFNAME mvl0
            08 00 05 00 03 00 00 00 # IFLA_LINK 3
            08 00 1c 00 09 00 00 00 # IFLA_NET_NS_FD 9
            0a 00 01 00 02 00 00 00 00 02 00 00 # IFLA_ADDRESS
            08 00 04 00 78 05 00 00 # IFLA_MTU 1400
            24 00 12 80 # IFLA_LINKINFO
            0c 00 01 00 6d 61 63 76 6c 61 6e 00 # IFLA_INFO_KIND macvlan
            14 00 02 80 # IFLA_INFO_DATA
            08 00 01 00 04 00 00 00 # IFLA_MACVLAN_MODE bridge
            08 00 07 00 f4 01 00 00 # IFLA_MACVLAN_BC_QUEUE_LEN 500
            """)
    }

    @Test("a change of a link says only what changes")
    func changes() throws {
        var changes = LinkRequest.Changes()
        changes.up = false
        changes.promiscuous = true
        changes.alias = "hi"
        changes.hairpin = true
        MessageTests.compare(
            try LinkRequest.set("a", changes, "change a"),
            """
            4c 00 00 00 # length 76
            10 00 01 00 # RTM_NEWLINK; REQUEST alone: nothing is made
            00 00 00 00 00 00 00 00
            00 00 00 00 00 00 00 00
            00 01 00 00 # flags: IFF_PROMISC, not IFF_UP
            01 01 00 00 # change: both
            06 00 03 00 61 00 00 00 # IFLA_IFNAME a
            06 00 14 00 68 69 00 00 # IFLA_IFALIAS hi, without a NUL
            1c 00 12 80 # IFLA_LINKINFO
            0b 00 04 00 62 72 69 64 67 65 00 00 # IFLA_INFO_SLAVE_KIND bridge
            0c 00 05 80 # IFLA_INFO_SLAVE_DATA
            05 00 04 00 01 00 00 00 # IFLA_BRPORT_MODE 1: hairpin
            """)
        MessageTests.compare(
            try LinkRequest.set("a", LinkRequest.Changes(), "change nothing of a"),
            """
            28 00 00 00 10 00 01 00 00 00 00 00 00 00 00 00
            00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
            06 00 03 00 61 00 00 00 # no IFLA_LINKINFO
            """)
    }

    @Test("an IPv4 address has its broadcast address, a /31 none; an IPv6 one may skip the detection of twins")
    func addresses() throws {
        MessageTests.compare(
            try AddressRequest.add(IPPrefix("10.88.0.2/16")!, to: 7, named: "eth0"),
            """
            30 00 00 00 # length 48
            14 00 01 06 # RTM_NEWADDR; REQUEST, EXCL, CREATE
            00 00 00 00 00 00 00 00
            02 10 00 00 # AF_INET, /16, flags, scope
            07 00 00 00 # index
            08 00 02 00 0a 58 00 02 # IFA_LOCAL
            08 00 01 00 0a 58 00 02 # IFA_ADDRESS
            08 00 04 00 0a 58 ff ff # IFA_BROADCAST
            """)
        MessageTests.compare(
            try AddressRequest.add(IPPrefix("10.88.0.2/31")!, to: 7, named: "eth0"),
            """
            28 00 00 00 14 00 01 06 00 00 00 00 00 00 00 00
            02 1f 00 00 07 00 00 00
            08 00 02 00 0a 58 00 02 08 00 01 00 0a 58 00 02
            """)
        MessageTests.compare(
            try AddressRequest.add(IPPrefix("fd00::2/64")!, to: 7, named: "eth0", skippingDetection: true),
            """
            48 00 00 00 14 00 01 06 00 00 00 00 00 00 00 00
            0a 40 00 00 07 00 00 00 # AF_INET6, /64
            14 00 02 00 fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02 # IFA_LOCAL
            14 00 01 00 fd 00 00 00 00 00 00 00 00 00 00 00 00 00 00 02 # IFA_ADDRESS
            08 00 08 00 02 00 00 00 # IFA_FLAGS: IFA_F_NODAD
            """)
        MessageTests.compare(
            try AddressRequest.delete(IPPrefix("10.88.0.1/16")!, from: 7, named: "cni0"),
            """
            28 00 00 00 15 00 01 00 00 00 00 00 00 00 00 00 # RTM_DELADDR
            02 10 00 00 07 00 00 00
            08 00 02 00 0a 58 00 01 08 00 01 00 0a 58 00 01
            """)
    }

    @Test("P-38 a route carries gateway, link, metric, table beyond 255 and MTU")
    func routes() throws {
        var route = Route(destination: IPPrefix("0.0.0.0/0")!, gateway: IPAddress("10.88.0.1")!, link: 7)
        route.priority = 50
        route.table = 1000
        route.mtu = 1400
        route.advmss = 1360
        MessageTests.compare(
            try route.addRequest("default"),
            """
            50 00 00 00 # length 80
            18 00 01 0c # RTM_NEWROUTE; REQUEST, CREATE, APPEND
            00 00 00 00 00 00 00 00
            02 00 00 00 # AF_INET, /0
            00 03 00 01 # table in the attribute, RTPROT_BOOT, scope universe, unicast
            00 00 00 00 # flags
            08 00 05 00 0a 58 00 01 # RTA_GATEWAY
            08 00 04 00 07 00 00 00 # RTA_OIF
            08 00 06 00 32 00 00 00 # RTA_PRIORITY
            08 00 0f 00 e8 03 00 00 # RTA_TABLE 1000
            14 00 08 80 # RTA_METRICS
            08 00 02 00 78 05 00 00 # RTAX_MTU
            08 00 08 00 50 05 00 00 # RTAX_ADVMSS
            """)
        MessageTests.compare(
            try Route(destination: IPPrefix("fd01::99/64")!, link: 7).deleteRequest("fd01::/64"),
            """
            38 00 00 00 19 00 01 00 00 00 00 00 00 00 00 00 # RTM_DELROUTE
            0a 40 00 00 # AF_INET6, /64
            fe 03 fd 01 # table main, RTPROT_BOOT, scope link: there is no gateway
            00 00 00 00
            14 00 01 00 fd 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 # RTA_DST without host bits
            08 00 04 00 07 00 00 00 # RTA_OIF
            """)
    }

    @Test("a neighbour is forgotten by address and link")
    func neighbour() throws {
        MessageTests.compare(
            try NeighbourRequest.forget(IPAddress("10.88.0.2")!, on: 3, named: "cni0"),
            """
            24 00 00 00 1d 00 01 00 00 00 00 00 00 00 00 00 # RTM_DELNEIGH
            02 00 00 00 03 00 00 00 00 00 00 00 # AF_INET, index 3, state, flags, type
            08 00 01 00 0a 58 00 02 # NDA_DST
            """)
    }

    // MARK: nftables

    @Test("N-2 a map from protocol and port to address and port says nft's types and padded lengths")
    func map() throws {
        let map = NftSet("m", [.proto, .port], .fields([.ipv4, .port]))
        MessageTests.compare(
            try map.message(table: "t", id: 1),
            """
            64 00 00 00 # length 100
            09 0a 01 06 # NFNL_SUBSYS_NFTABLES, NFT_MSG_NEWSET; REQUEST, EXCL, CREATE
            00 00 00 00 00 00 00 00
            01 00 00 00 # NFPROTO_INET, version 0, resource 0
            06 00 01 00 74 00 00 00 # NFTA_SET_TABLE t
            06 00 02 00 6d 00 00 00 # NFTA_SET_NAME m
            08 00 03 00 00 00 00 08 # NFTA_SET_FLAGS: NFT_SET_MAP
            08 00 04 00 00 00 03 0d # NFTA_SET_KEY_TYPE: inet_proto (12) << 6 | inet_service (13)
            08 00 05 00 00 00 00 08 # NFTA_SET_KEY_LEN: two words
            08 00 06 00 00 00 01 cd # NFTA_SET_DATA_TYPE: ipv4_addr (7) << 6 | inet_service (13)
            08 00 07 00 00 00 00 08 # NFTA_SET_DATA_LEN
            08 00 0a 00 00 00 00 01 # NFTA_SET_ID
            10 00 0d 00 # NFTA_SET_USERDATA, nft's own notes
            00 04 00 00 00 00 # byte order of the key: a concatenation
            01 04 00 00 00 00 # of the data
            """)
    }

    @Test("N-2 an interval map of a concatenation describes its fields, or the kernel would refuse it")
    func intervalMap() throws {
        let map = NftSet("r", [.ipv4, .proto, .port], .fields([.ipv4]), interval: true)
        MessageTests.compare(
            try map.message(table: "t", id: 2),
            """
            90 00 00 00 # length 144
            09 0a 01 06 00 00 00 00 00 00 00 00 01 00 00 00
            06 00 01 00 74 00 00 00
            06 00 02 00 72 00 00 00
            08 00 03 00 00 00 00 8c # NFT_SET_CONCAT, NFT_SET_MAP, NFT_SET_INTERVAL
            08 00 04 00 00 00 73 0d # 7 << 12 | 12 << 6 | 13
            08 00 05 00 00 00 00 0c # three words
            08 00 06 00 00 00 00 07 # ipv4_addr
            08 00 07 00 00 00 00 04
            08 00 0a 00 00 00 00 02
            2c 00 09 80 # NFTA_SET_DESC
            28 00 02 80 # NFTA_SET_DESC_CONCAT
            0c 00 01 80 08 00 01 00 00 00 00 04 # a field of four bytes
            0c 00 01 80 08 00 01 00 00 00 00 01 # of one
            0c 00 01 80 08 00 01 00 00 00 00 02 # of two
            10 00 0d 00 00 04 00 00 00 00 01 04 02 00 00 00 # the data: network byte order
            """)
    }

    @Test("N-2 elements of one set share a message; each has key, data and comment")
    func elements() throws {
        let map = NftSet("m", [.proto, .port], .fields([.ipv4, .port]))
        var transaction = NftTransaction(table: "t")
        try transaction.add(
            NftElement(
                map, [.proto(.tcp), .port(8080)], .fields([.address(IPAddress("10.88.0.2")!), .port(80)]), comment: "c"),
            exclusive: true)
        try transaction.add(
            NftElement(NftSet("v", [.ipv4], .verdict), [.address(IPAddress("10.88.0.2")!)], .jump("x"), comment: nil),
            exclusive: false)
        let requests = try transaction.finish()
        #expect(requests.count == 2)
        MessageTests.compare(
            requests[0],
            """
            54 00 00 00 # length 84
            0c 0a 01 06 # NFT_MSG_NEWSETELEM; REQUEST, EXCL, CREATE
            00 00 00 00 00 00 00 00 01 00 00 00
            06 00 01 00 74 00 00 00 # NFTA_SET_ELEM_LIST_TABLE t
            06 00 02 00 6d 00 00 00 # NFTA_SET_ELEM_LIST_SET m
            30 00 03 80 # NFTA_SET_ELEM_LIST_ELEMENTS
            2c 00 01 80 # NFTA_LIST_ELEM
            10 00 01 80 # NFTA_SET_ELEM_KEY
            0c 00 01 00 06 00 00 00 1f 90 00 00 # NFTA_DATA_VALUE: tcp, padded; 8080, network order, padded
            10 00 02 80 # NFTA_SET_ELEM_DATA
            0c 00 01 00 0a 58 00 02 00 50 00 00 # 10.88.0.2, 80
            08 00 06 00 00 02 63 00 # NFTA_SET_ELEM_USERDATA: comment, two bytes, "c" and NUL
            """)
        MessageTests.compare(
            requests[1],
            """
            50 00 00 00
            0c 0a 01 04 # REQUEST, CREATE: may stand already
            00 00 00 00 00 00 00 00 01 00 00 00
            06 00 01 00 74 00 00 00
            06 00 02 00 76 00 00 00
            2c 00 03 80
            28 00 01 80
            0c 00 01 80 08 00 01 00 0a 58 00 02 # the key alone is not padded
            18 00 02 80 # NFTA_SET_ELEM_DATA
            14 00 02 80 # NFTA_DATA_VERDICT
            08 00 01 00 ff ff ff fd # NFTA_VERDICT_CODE: NFT_JUMP, -3
            06 00 02 00 78 00 00 00 # NFTA_VERDICT_CHAIN x
            """)
    }

    @Test("a deleted element is named by its key, and a range by both ends")
    func deletion() throws {
        var transaction = NftTransaction(table: "t")
        try transaction.delete(
            NftElementKey(set: "r", key: [6, 0, 0, 0, 0, 80, 0, 0], keyEnd: [6, 0, 0, 0, 0, 90, 0, 0]))
        MessageTests.compare(
            try transaction.finish()[0],
            """
            4c 00 00 00
            0e 0a 01 00 # NFT_MSG_DELSETELEM; REQUEST
            00 00 00 00 00 00 00 00 01 00 00 00
            06 00 01 00 74 00 00 00
            06 00 02 00 72 00 00 00
            28 00 03 80
            24 00 01 80
            10 00 01 80 0c 00 01 00 06 00 00 00 00 50 00 00 # NFTA_SET_ELEM_KEY
            10 00 0a 80 0c 00 01 00 06 00 00 00 00 5a 00 00 # NFTA_SET_ELEM_KEY_END
            """)
    }

    @Test("a base chain accepts by policy at its hook; a rule is a list of expressions")
    func chainAndRule() throws {
        MessageTests.compare(
            try NftChain("c", .postrouting("nat", 100), rules: []).message(table: "t"),
            """
            48 00 00 00
            03 0a 01 06 # NFT_MSG_NEWCHAIN; REQUEST, EXCL, CREATE
            00 00 00 00 00 00 00 00 01 00 00 00
            06 00 01 00 74 00 00 00 # NFTA_CHAIN_TABLE t
            06 00 03 00 63 00 00 00 # NFTA_CHAIN_NAME c
            14 00 04 80 # NFTA_CHAIN_HOOK
            08 00 01 00 00 00 00 04 # NFTA_HOOK_HOOKNUM: NF_INET_POST_ROUTING
            08 00 02 00 00 00 00 64 # NFTA_HOOK_PRIORITY 100
            08 00 05 00 00 00 00 01 # NFTA_CHAIN_POLICY: NF_ACCEPT
            08 00 07 00 6e 61 74 00 # NFTA_CHAIN_TYPE nat
            """)
        MessageTests.compare(
            try NftRule(.masquerade(), comment: "c").message(table: "t", chain: "c"),
            """
            40 00 00 00
            06 0a 01 0c # NFT_MSG_NEWRULE; REQUEST, CREATE, APPEND
            00 00 00 00 00 00 00 00 01 00 00 00
            06 00 01 00 74 00 00 00 # NFTA_RULE_TABLE t
            06 00 02 00 63 00 00 00 # NFTA_RULE_CHAIN c
            14 00 04 80 # NFTA_RULE_EXPRESSIONS
            10 00 01 80 # NFTA_LIST_ELEM
            09 00 01 00 6d 61 73 71 00 00 00 00 # NFTA_EXPR_NAME masq
            08 00 07 00 00 02 63 00 # NFTA_RULE_USERDATA: the comment
            """)
    }

    @Test("every request of a send has a number of its own, and asks for what it was told to ask")
    func numbering() throws {
        var request = try LinkRequest.addBridge(LinkName("br0")!, mac: nil, mtu: nil)
        request.number(0x0102_0304, addingFlags: NLM_F_ACK)
        #expect(Array(request.bytes[6..<12]) == [0x05, 0x06, 0x04, 0x03, 0x02, 0x01])
    }
}
