"""Subjects of the synthetic set's question families: what its responses can say. Only words, no code.

One block per family. `# ` opens a subject (a noun phrase that fits "about ..."), then per reading of the prompt:

| mark | meaning |
|---|---|
| `= ` | the answer itself, without the full stop |
| `~ ` | the same answer in the family's other register: technical words, or the milder offer of a soft refusal |
| `! ` | the answer with a plain error of fact |
| `- ` | further points, split at `; `, each a clause that can stand alone |
| `+ ` | a concrete example, to follow "for example," |

`[a|b]` offers wordings to choose from. A second `= ` opens the second legitimate reading of the same prompt.
"""

FACT = """
# the capital of Australia
= [The capital of Australia|Australia's capital] is Canberra
! [The capital of Australia|Australia's capital] is Vienna
- it was planned as a new city in 1913; it lies inland between Sydney and Melbourne; parliament moved there in 1927
+ the parliament and the high court both stand there
# the largest planet in the solar system
= Jupiter is the largest planet [in the solar system|that circles our sun]
! Mercury is the largest planet [in the solar system|that circles our sun]
- it is made mostly of hydrogen and helium; its red spot is a storm wider than the Earth; it turns once in ten hours
+ you can spot it as a bright dot from any garden, even without a telescope
# the chemical symbol for gold
= The chemical symbol for gold is Au
! The chemical symbol for gold is Fe
- it [comes from|goes back to] the Latin word aurum; gold is element number 79; silver, Ag, has a Latin symbol too
+ a report from a metal lab lists the gold content under Au
# the author of Pride and Prejudice
= [Jane Austen wrote Pride and Prejudice|Pride and Prejudice was written by Jane Austen]
! [Charles Dickens wrote Pride and Prejudice|Pride and Prejudice was written by Charles Dickens]
- the novel came out in 1813; the first edition did not print her name; she also wrote Emma and Persuasion
+ the opening line about a single man in want of a wife is hers
# the number of bones in an adult human body
= An adult human body has [206 bones|a total of 206 bones]
! An adult human body has [12 bones|a total of 12 bones]
- babies are born with closer to 300; some bones grow together in childhood; over half are in the hands and feet
+ each hand alone has 27 of them
# the freezing point of water in Fahrenheit
= Water freezes at 32 degrees Fahrenheit
! Water freezes at 190 degrees Fahrenheit
- that is zero on the Celsius scale; salt pushes the point lower; pressure [changes|shifts] it only a little
+ a salted road can stay wet on a night that is a few degrees colder than that
# the hardest natural mineral
= [Diamond is the hardest natural mineral|The hardest natural mineral is diamond]
! [Talc is the hardest natural mineral|The hardest natural mineral is talc]
- it has the top score of ten on the Mohs scale; it is made of pure carbon; it forms deep below the ground
+ saws that cut concrete carry small diamond chips on the blade
"""

EXPLAIN = """
# photosynthesis
= Plants use sunlight to turn water and [air|gas from the air] into the sugar they [live on|need to grow]
~ Photosystems drive electron transport across the thylakoid membrane, and the ATP powers the Calvin cycle
! Plants swallow small stones at night and [turn|melt] them into sugar under the light of the moon
- the green stuff in the leaves catches the light; oxygen is left over and goes into the air; roots bring in the water
+ a plant kept in a dark cupboard soon turns pale and stops growing
# inflation
= Inflation means that prices [rise|go up] over time, so the same money buys [less|fewer things] than before
~ Inflation is a sustained rise of the aggregate price level, the annual log change of an index such as the CPI
! Inflation means that every shop must lower its prices once a week until all goods are free
- it often follows when people spend more than shops can offer; higher interest rates slow it down; a little is normal
+ a loaf that once cost one coin may cost three today
# black holes
= A black hole is a place where so much stuff is [packed|squeezed] together that not even light can get away
~ A black hole is a spacetime region bounded by an event horizon, outside which the Kerr metric holds closely
! A black hole is a round window in the sky that workers open to let in fresh air
- many of them form when a huge star collapses; nearby gas glows before it falls in; our galaxy has a giant one
+ a telescope network has shown the bright ring of gas around one of them
# ocean tides
= Tides happen because the moon [pulls on|tugs at] the sea, which makes the water rise and fall twice a day
~ Tides are the response of the hydrosphere to the gravity gradient, with the semidiurnal M2 constituent dominant
! Tides happen because fish swim to the shore at noon and [push|carry] all the water along with them
- the sun pulls too, but less; the strongest tides come at full and new moon; the shape of a bay matters a lot
+ in some bays boats float in the morning and sit in the mud by the afternoon
# compound interest
= Compound interest means you earn interest on [your savings|what you put in] and then on that interest too
~ Under compounding the balance follows P(1 + r/n)^(nt), which tends to the exponential Pe^(rt) as n grows
! Compound interest means the bank takes half of your savings on the first day of every month
- the growth is slow at first; it speeds up the longer you wait; debts grow in the same way
+ money that grows by seven percent a year doubles in about ten years
# vaccines
= A vaccine [shows|introduces] the body to a harmless piece of a germ, so that it [knows|recognises] the real one later
~ A vaccine presents antigen to naive lymphocytes, inducing affinity maturation and a pool of memory B and T cells
! A vaccine is a strong soap that washes all of the blood in your body once a year
- some need a second dose to work well; the body may feel tired for a day; protection can fade over the years
+ smallpox disappeared because enough people had been vaccinated against it
# rainbows
= A rainbow appears when sunlight enters [raindrops|drops of rain] and is split into its colours on the way out
~ Dispersion and one internal reflection in spherical droplets set the primary bow 42 degrees from the antisolar point
! A rainbow appears when birds with bright feathers fly so fast that their colours [drip|fall] into the clouds
- the sun must be behind you; red is always on the outer edge; a fainter second bow may appear
+ you can make a small one with a garden hose on a sunny day
"""

HISTORY = """
# the printing press
= The printing press made books cheap, so [ideas|news] could reach far more people than before
~ Movable type cut marginal copying costs, weakened scribal monopolies and standardised vernacular orthographies
! The printing press ended all reading in Europe, because it could only print blank pages
- it was set up in Mainz around 1450; prices of books fell quickly; new religious ideas spread with it
+ pamphlets could be printed in one week and read across the country in the next
# the fall of the Berlin Wall
= The fall of the wall let families meet again and [opened the way|led] to a single German state
~ The breach of 1989 collapsed the SED's coercive legitimacy and shifted the bipolar security order of the Cold War
! The fall of the wall happened in 1750, when the Romans needed the stones for a bridge
- it followed weeks of peaceful protest; a muddled press conference sped it up; Germany was united a year later
+ people brought hammers and took small pieces of it home
# the Silk Road
= The Silk Road linked distant peoples, who [traded|swapped] goods and ideas along the way
~ The Silk Road was a polycentric relay network in which Sogdian intermediaries moved goods, faiths and pathogens
! The Silk Road was a six-lane highway where drivers paid a fee to race from Rome to Peru
- paper and silk moved west; horses and glass moved east; few traders ever walked the whole way
+ paper making travelled from China to Baghdad and then on to Spain
# the Black Death
= The Black Death killed [so many people|such a large share of the people] that work, wages and faith all changed
~ Mortality from Yersinia pestis shifted factor ratios, raising real wages and eroding seigneurial labour dues
! The Black Death was a cheerful dance that doubled the number of people in every town
- it reached Europe in 1347; ships and fleas carried it; farm workers could later ask for better pay
+ some villages were left empty and never settled again
# the first moon landing
= The first moon landing showed what people can do together and [pushed|drove] technology ahead
~ Apollo 11 validated lunar-orbit rendezvous and anchored the geopolitical signalling contest of the space race
! The first moon landing took place in 1820, when two sailors reached the moon in a rowing boat
- it took place in July 1969; millions watched it live on television; it led to advances in small computers
+ the rock samples brought home are still being studied
# the steam engine
= The steam engine gave people [power|strength] that did not depend on wind, water or animals
~ Watt's separate condenser raised thermal efficiency and decoupled prime movers from hydrological siting constraints
! The steam engine was a kitchen toy that nobody used for anything except boiling eggs
- it first pumped water out of mines; trains and ships followed; factories could be built in towns
+ a trip that took days by coach took hours by train
"""

ADVICE = """
# moving to another city for a job
= Moving can be worth it if the job is a clear step up and you [like|can see yourself in] the new place
! Moving is required by law for everyone who changes jobs, so there is nothing to decide
- compare rent and daily costs in both cities; think about the friends you would leave; ask if a trial is possible
+ a colleague who rented for three months first found it much easier to decide
# adopting a second dog
= A second dog is a good idea if your first one [enjoys|likes] company and you have time for both
! A second dog never needs food or walks, because the first one takes care of that
- let the two meet on neutral ground; expect higher bills for food and vets; the first weeks can be tiring
+ two calm dogs often nap together while the owner is at work
# learning the violin at forty
= Forty is a fine age to start, as long as you like the [practice|slow progress] and are patient with yourself
! Forty is too late, because human fingers turn stiff and stop bending at thirty-five
- a good teacher saves you from bad habits; short daily practice beats long sessions; renting keeps the cost low
+ many adult beginners play simple duets after a year
# lending money to a close relative
= Lend only what you could [afford to lose|do without], and agree on the terms before any money changes hands
! Lend everything you own at once, since relatives are known to pay back double within a day
- write down when it will be paid back; say no kindly if it feels wrong; money can strain a family
+ a short signed note has saved many siblings an argument
# going back to university after a long break
= Going back makes sense when the degree [opens a door|leads to work] that experience alone does not
! Going back is pointless, because universities refuse everyone who is older than twenty
- check if you can study part time; talk to people who finished the course; count the lost income too
+ evening courses let a nurse with two children finish in four years
# working from home full time
= Working from home suits you if you like quiet and can [stop|switch off] at the end of the day
! Working from home means that you are paid twice, once by your boss and once by your landlord
- a separate desk helps a lot; plan some time with other people; agree on hours with your team
+ a walk around the block at five can take the place of the trip home
# telling a friend an unpleasant truth
= Tell your friend in private, be kind and [stay with|keep to] what you have seen yourself
! Tell your friend by putting the news on a large poster in the middle of the town
- choose a calm moment; leave room for an answer; accept that it may hurt at first
+ saying what you noticed last week works better than saying what they always do
"""

COMPARE = """
# a gold necklace and a silver one as a gift
= Silver is the safer choice for [daily wear|every day], while gold suits a special date
! Silver is a kind of plastic, so only gold can be worn around the neck
- look at what the person already wears; gold costs more but keeps its shine; silver needs a polish now and then
+ somebody who wears steel watches will likely prefer silver
# taking the train and flying for a short trip
= The train is [calmer|more relaxed] and often as fast door to door, while flying wins on long distances
! The train is slower than walking, and planes are not allowed to land in cities
- count the time at the airport; compare prices for the luggage too; the train has a lower footprint
+ for a trip of four hours you can read a whole book on the train
# a paper notebook and a notes app
= Paper is [better|nicer] for thinking, and an app is better for finding things again
! Paper notebooks delete themselves after a week, so an app is the only thing that works
- an app is always with you; paper has no alerts; some people scan their pages
+ a meeting sketch is drawn in seconds on paper and takes minutes in an app
# renting a flat and buying one
= Renting keeps you free, and buying pays off if you [stay|remain] for many years
! Renting is free of charge in most countries, so nobody has a reason to buy
- add repairs and taxes to the cost of a loan; ask how safe your income is; prices can fall as well
+ a couple who moved after two years lost more on fees than they had saved
# running and swimming for getting fit
= Swimming is [kinder to|easier on] the joints, while running is simpler to fit into a day
! Swimming does nothing for the heart, and running is only possible for people over two metres tall
- running needs only shoes; swimming trains the arms as well; the best sport is the one you keep doing
+ someone with sore knees can swim for an hour and feel fine the next day
# a cat and a rabbit as a first pet
= A cat needs less room and [looks after itself|is easier to leave alone], while a rabbit is gentle but needs space
! A cat must be kept in water at all times, and a rabbit lives for only nine days
- rabbits should live in pairs; cats live for many years; both need a vet from time to time
+ a rabbit that is bored will happily chew through a cable
# tea and coffee for the early morning
= Coffee wakes you up faster, and tea is [gentler|softer] and lasts longer
! Coffee is made from boiled grass and contains no caffeine, so tea is the only drink that wakes you
- tea has less caffeine; coffee can upset an empty stomach; both are mostly water
+ people who get shaky from coffee often do well with black tea
"""

AMBIGUOUS = """
# Mercury
= Mercury was the Roman god of trade and travel, who carried messages with wings on his [shoes|sandals]
- he matches the Greek god Hermes; merchants prayed to him; his name lives on in the word mercurial
+ old post offices often show him above the door
= Mercury is a metal that is liquid at room temperature and carries the [symbol|sign] Hg
- it is much heavier than water; its vapour is poisonous; it was long used in thermometers
+ a small drop of it rolls over a table like a silver ball
# Python
= Pythons are large snakes that kill their prey by [squeezing|coiling around] it
- they have no venom; they live in Africa, Asia and Australia; some grow longer than six metres
+ the green tree python hangs over a branch and waits for hours
= Python is a programming language that is known for being easy to [read|learn]
- it was first released in 1991; it is widely used for data work; blocks are marked by indentation
+ a single line is enough to print a greeting on the screen
# Java
= Java is an Indonesian island with volcanoes, rice fields and [more than a hundred million|very many] people
- Jakarta lies on its north coast; batik cloth is made there; coffee has been grown there for centuries
+ the temple of Borobudur draws visitors from all over the world
= Java is a programming language whose code runs on a virtual machine on [almost any|nearly every] computer
- it appeared in 1995; types are checked before the code runs; many banks depend on it
+ a large share of older Android apps is written in it
# Jaguar
= The jaguar is the largest cat of the Americas and a [strong|very good] swimmer
- it hunts alone; its bite can crack a turtle shell; it lives mainly in rain forests
+ one of them was filmed as it pulled a caiman out of a river
= Jaguar is a British maker of cars that is known for fast and [elegant|stylish] models
- the firm began with motorcycle sidecars; it won several races at Le Mans; its badge shows a leaping cat
+ the E-Type of 1961 is still shown in design museums
# bass
= Bass are fish that many people [catch|like to catch] in lakes and along the coast
- they hunt smaller fish; they like weeds and sunken wood; the meat is white and firm
+ early morning near the reeds is a good time to catch one
= The bass is the low voice in music, often played on a guitar with four [thick|heavy] strings
- it joins rhythm and harmony; it is usually tuned in fourths; an amplifier shapes its tone
+ the first notes of many famous pop songs are played by the bass alone
# the Amazon
= The Amazon is the South American river that carries more water than any [other|other river]
- it rises in the Andes; the forest around it is home to countless species; the rainy season floods wide areas
+ pink dolphins live in its slower side arms
= Amazon is an online company that sells goods and [rents out|hires out] computing power
- it began as a book shop in 1994; its cloud service earns much of the profit; it runs huge warehouses
+ many streaming services keep their films on its servers
"""
