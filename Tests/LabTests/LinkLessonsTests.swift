import Lab
import TestSupport
import Testing

/// Lesson 03 as learners take them.
@Suite("Lesson 03, bridge")
struct LinkLessonsTests {
    @Test("03: a bridge of another name; ports left out, two bridges, an address on a port", arguments: [0, 65534])
    func bridge(uid: Int) throws {
        try PrivateHost.run { host in
            let lab = try LabHost.learner(host, uid: uid)
            try lab.must("start", "03")
            try lab.red("✗ 1 ", "there is no bridge")
            try lab.type("host", "ip link add sw type bridge; ip link set vweb master sw; ip link set vapp master sw")
            try lab.red("sw is down")
            try lab.type("host", "ip link set sw up")
            try lab.red("vdb is on no bridge")
            try lab.type("host", "ip link add sw2 type bridge; ip link set sw2 up; ip link set vdb master sw2")
            try lab.red("on 2 bridges")
            try lab.type("host", "ip link set vdb master sw")
            try lab.green(upTo: 1, of: 3)
            try lab.must("answer", "yes")
            try lab.red("✗ 2 ", "you said yes, the packet says otherwise")
            try lab.must("answer", "no")
            try lab.green(upTo: 2, of: 3)
            try lab.type("host", "ip address add 10.88.0.1/24 dev vweb")
            try lab.red("✗ 3 ", "host → 10.88.0.2/icmp")
            try lab.type("host", "ip address flush dev vweb; ip address add 10.88.0.1/24 dev sw")
            try lab.green(upTo: 3, of: 3)
        }
    }
}
